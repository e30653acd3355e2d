// A confusion matrix as a table: a row for each class that is so, a column for each that was said.

import { h, number, table } from "../dom.js";

/**
 * The table. told: {classes, rows} with rows[i][j] the examples of class i that were said to be j.
 * Gives null where nothing is told.
 */
export function confusion(told) {
  const rows = told?.rows ?? told?.matrix ?? told?.counts ?? (Array.isArray(told) ? told : null);
  if (!rows?.length) return null;
  const classes = told.classes ?? rows.map((_, i) => String(i));
  const sums = rows.map((row) => row.reduce((sum, many) => sum + many, 0) || 1);
  const name = (i) => h("bdi", { title: String(classes[i]) }, String(classes[i]));
  const cell = (many, i, j) =>
    h("td", { class: i === j ? "right" : "", style: { backgroundColor: tint(many / sums[i]) } }, number(many));
  const body = rows.map((row, i) =>
    h(
      "tr",
      null,
      h("th", { scope: "row" }, name(i)),
      row.map((many, j) => cell(many, i, j)),
    ),
  );
  const heads = [
    h("th", { scope: "col" }, "is ↓ · said →"),
    ...classes.map((_, i) => h("th", { scope: "col" }, name(i))),
  ];
  const box = table("Confusion matrix", heads, body);
  box.classList.add("confusion");
  return box;
}

function tint(share) {
  return `color-mix(in srgb, var(--done) ${Math.round(share * 45)}%, transparent)`;
}
