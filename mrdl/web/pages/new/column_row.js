// One column as a row: its name, what it is taken for, what is missing, how its values are spread, its first cells.

import { h, number, percent } from "../dom.js";
import { draft, KINDS_OF_COLUMN } from "./draft.js";
import { namesOf } from "./value_text.js";

const WORDS = {
  number: "a number",
  category: "a category",
  date: "a date",
  hash: "an id, by its hash",
  drop: "left out",
};
/** What may follow a column's name, and what that is: age=1.234,5 */
const WRITINGS = { number: "as 1.234,5", date: "as %d/%m/%Y", hash: "buckets, as 256" };
const WIDTH = 120;
const HEIGHT = 28;
const LEVELS = 12; // of a category, that are drawn

export function columnRow(column, found) {
  const name = column.said ?? column.name;
  const isLabel = labels().includes(name) || labels().includes(column.name);
  const kind = kindOf(name);
  const missing = column.rows ? column.missing / column.rows : 0;
  const about = column.distinct_error ? "about " : "";
  return h(
    "tr",
    { class: isLabel ? "is-label" : kind.kind === "drop" ? "is-out" : null },
    h("th", { scope: "row" }, column.name || "(no name)", isLabel && h("span", { class: "chip" }, "predicted")),
    h("td", null, isLabel ? h("span", { class: "muted" }, column.type) : taken(column, name, kind)),
    h("td", { class: "right" }, missing ? percent(missing) : h("span", { class: "muted" }, "none")),
    h("td", { class: "right" }, about, number(column.distinct, 3)),
    h("td", null, spread(column)),
    h("td", { class: "cells" }, firstCells(column, found)),
  );
}

function labels() {
  const { label } = draft.columns();
  return [label, ...namesOf(label)];
}

/** What the settings say of a column: {kind, writing}; kind "" where they say nothing. */
function kindOf(name) {
  const said = draft.columns();
  for (const kind of KINDS_OF_COLUMN) {
    for (const one of said[kind] ?? []) {
      if (one === name) return { kind, writing: "" };
      if (one.startsWith(`${name}=`) && WRITINGS[kind]) return { kind, writing: one.slice(name.length + 1) };
    }
  }
  return { kind: "", writing: "" };
}

/** Say what a column is; "" as it was found. */
function say(name, kind, writing = "") {
  const said = draft.columns();
  for (const one of KINDS_OF_COLUMN) {
    const before = said[one] ?? [];
    const kept = before.filter((each) => each !== name && !each.startsWith(`${name}=`));
    if (one === kind) kept.push(writing ? `${name}=${writing}` : name);
    if (JSON.stringify(kept) !== JSON.stringify(before)) draft.say(one, kept);
  }
}

function taken(column, name, { kind, writing }) {
  const found = WORDS[column.read] && column.type !== column.read ? `${column.type}` : column.type;
  const options = [
    h("option", { value: "" }, `${found} (as found)`),
    ...KINDS_OF_COLUMN.map((one) => h("option", { value: one }, WORDS[one])),
  ];
  const written = WRITINGS[kind] && writingBox(name, kind, writing);
  const choose = h(
    "select",
    {
      class: "slim",
      value: kind,
      "aria-label": `What ${column.name} is taken for`,
      dataset: { held: `kind ${name}` },
      onchange: () => say(name, choose.value),
    },
    options,
  );
  return h("div", { class: "taken" }, choose, written);
}

function writingBox(name, kind, writing) {
  const box = h("input", {
    class: "slim",
    value: writing,
    placeholder: WRITINGS[kind],
    "aria-label": `How ${name} is written, ${WRITINGS[kind]}`,
    dataset: { held: `writing ${name}` },
    onchange: () => say(name, kind, box.value.trim()),
  });
  return box;
}

function firstCells(column, found) {
  return (found.rows ?? []).map((row) => {
    const text = String(row[column.place] ?? "");
    return h(
      "span",
      { class: text ? "" : "muted", title: text.length > 24 ? text.slice(0, 500) : null },
      text ? text.slice(0, 24) + (text.length > 24 ? "…" : "") : "∅",
    );
  });
}

/** How the values are spread: bars of ranges of a number or a date, or of the most frequent levels. */
function spread(column) {
  const numeric = column.histogram?.length > 0;
  const shares = numeric
    ? column.histogram.map(([, , share]) => share)
    : (column.common ?? []).slice(0, LEVELS).map(([, many]) => many);
  if (!shares.length) return h("span", { class: "muted" }, "–");
  const most = Math.max(...shares);
  const wide = WIDTH / Math.max(shares.length, numeric ? 1 : 4);
  const bars = shares.map((share, i) => {
    const tall = Math.max(1, (HEIGHT * share) / most);
    return h("rect", {
      x: (i * wide + 0.5).toFixed(1),
      y: (HEIGHT - tall).toFixed(1),
      width: Math.max(0.5, wide - 1).toFixed(1),
      height: tall.toFixed(1),
    });
  });
  const words = numeric ? range(column) : levels(column);
  return h(
    "svg",
    {
      class: numeric ? "spread" : "spread levels",
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      width: WIDTH,
      height: HEIGHT,
      role: "img",
      "aria-label": words,
    },
    h("title", null, words),
    bars,
  );
}

function range(column) {
  const text =
    column.type === "date" ? (day) => new Date(day * 86_400_000).toISOString().slice(0, 10) : (value) => number(value);
  const middle = column.quantiles?.["0.5"] ?? column.mean;
  return `${text(column.minimum)} to ${text(column.maximum)}, half of them up to ${text(middle)}`;
}

function levels(column) {
  const first = column.common
    .slice(0, 5)
    .map(([text, many]) => `${text} (${number(many)})`)
    .join(", ");
  return column.distinct > 5 ? `${first}, …` : first;
}
