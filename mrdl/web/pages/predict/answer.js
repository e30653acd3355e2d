// What a network predicts: of one row its label large and the classes as bars, of a table the rows and a file.

import { count, fill, h, number, percent, said, speak, table } from "../dom.js";
import { save } from "../figures/scatter_file.js";
import { section } from "../session/parts.js";

const BARS = 12;
const ROWS = 100;
const FORMULA = /^[=+\-@\t\r]/; // a table program would reckon what begins so

/**
 * Show an answer in `place`. found: {columns, rows, label, probabilities, notes}; name: of the table, "" of one row that was
 * typed.
 */
export function shown(place, found, name) {
  const one = !name && found.rows.length === 1;
  const notes = (found.notes ?? []).map((note) => said(note, "warning"));
  fill(place, one ? single(found) : whole(found, name), ...notes);
  const words = one ? `${found.label} is ${predicted(found, 0)}.` : `${count(found.rows.length, "row")} predicted.`;
  speak(words);
}

/** The predicted value of a row: of the label's column, or of the first. */
function predicted({ columns, rows, label }, i) {
  const at = columns.indexOf(label);
  const value = rows[i][at < 0 ? 0 : at];
  return typeof value === "number" ? number(value, 6) : String(value);
}

function single(found) {
  const classes = Object.entries(found.probabilities?.[0] ?? {}).sort((a, b) => b[1] - a[1]);
  const value = h(
    "div",
    { class: "figure" },
    h("div", { class: "of" }, h("bdi", null, found.label), " is"),
    h("div", { class: "is predicted" }, predicted(found, 0)),
  );
  const rest =
    classes.length > BARS
      ? h("p", { class: "small muted" }, `and ${count(classes.length - BARS, "class", "classes")} less likely`)
      : null;
  return section(
    "Prediction",
    h(
      "div",
      { class: "answer" },
      value,
      classes.length ? h("div", { class: "likely" }, classes.slice(0, BARS).map(likely), rest) : null,
    ),
  );
}

function likely([name, share], place) {
  const told = percent(share, share > 0 && share < 0.0005 ? 3 : 1);
  return h(
    "div",
    { class: place ? "share" : "share first" },
    h("bdi", { title: name }, name),
    h(
      "div",
      { class: "bar", "aria-hidden": "true" },
      h("i", { class: place ? "" : "done", style: { width: `${100 * share}%` } }),
    ),
    h("span", { class: "number" }, told),
  );
}

function whole({ columns, rows, total }, name) {
  const many = total ?? rows.length;
  const stem = name.replace(/\.\w+$/, "") || "rows";
  const file = h(
    "button",
    { type: "button", class: "slim", onclick: () => save(csv(columns, rows), `${stem}-predicted.csv`) },
    many > rows.length ? `Save the first ${number(rows.length)} as CSV` : "Save as CSV",
  );
  const body = rows.slice(0, ROWS).map((row) =>
    h(
      "tr",
      null,
      row.map((cell) => h("td", null, text(cell))),
    ),
  );
  const words = many > ROWS ? `The first ${ROWS} of ${count(many, "row")}.` : `${count(many, "row")}.`;
  const box = table("Rows with predictions", columns, body);
  box.classList.add("tall");
  return section("Predictions", [h("p", { class: "muted" }, words), box], file);
}

function text(cell) {
  if (cell === null || cell === undefined) return "";
  return typeof cell === "number" ? number(cell, 6) : String(cell);
}

/** Rows as CSV; what a table program would take for a formula is made text. */
function csv(columns, rows) {
  const cell = (value) => {
    const plain = value === null || value === undefined ? "" : String(value);
    const safe = typeof value === "string" && FORMULA.test(plain) && Number.isNaN(Number(plain)) ? `'${plain}` : plain;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const lines = [columns, ...rows].map((row) => row.map(cell).join(","));
  return new Blob([`${lines.join("\r\n")}\r\n`], { type: "text/csv" });
}
