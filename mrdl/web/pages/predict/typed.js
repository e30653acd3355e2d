// A form made of what a network takes: a field for each column, as text, a choice, a number or a date.

import { post, session } from "../api.js";
import { busy, count, field, fill, h, said } from "../dom.js";

const WIDE = 12; // columns, of more the fields stand closer
const LEVELS = 60; // of a column, of more one types
const HINTS = { number: "number", date: "date", category: "word" };

/** The form. columns: [{name, type, example, levels}]; tell: is given what the network says. */
export function typed(key, columns, tell) {
  const inputs = columns.map((column) => [column, input(column)]);
  const fault = h("div");
  const ask = h("button", { type: "submit", class: "main" }, "Predict");
  const example = h(
    "button",
    { type: "button", onclick: () => set((column) => column.example ?? "") },
    "Example values",
  );
  const clear = h("button", { type: "button", class: "quiet", onclick: () => set(() => "") }, "Clear");
  const set = (value) => inputs.forEach(([column, box]) => (box.value = String(value(column))));
  const send = async () => {
    fill(fault);
    const values = Object.fromEntries(inputs.map(([column, box]) => [column.name, box.value]));
    try {
      tell(await post(session(key, "predict"), { values }));
    } catch (error) {
      if (error.name !== "AbortError") fill(fault, said(error.message));
    }
  };
  const submit = (event) => {
    event.preventDefault();
    busy(ask, send);
  };
  const fields = inputs.map(([column, box]) => field(h("bdi", { title: column.name }, column.name), box));
  const grid = h(
    "div",
    { class: columns.length > WIDE ? "inputs many" : "inputs", onpaste: (event) => spread(event, inputs) },
    fields,
  );
  const paste = "A row that was copied can be pasted into the first field.";
  const words = `${count(columns.length, "column")}. What is left empty is taken as missing. ${paste}`;
  return h(
    "form",
    { class: "stack", onsubmit: submit },
    h("p", { class: "small muted" }, words),
    grid,
    fault,
    h("div", { class: "line" }, ask, example, clear),
  );
}

function input({ type, example, levels }) {
  if (levels?.length && levels.length <= LEVELS)
    return h(
      "select",
      null,
      ["", ...levels].map((level) => h("option", { value: level }, level)),
    );
  const numeric = type === "number" ? { inputmode: "decimal" } : {};
  const hint = example === null || example === undefined || example === "" ? (HINTS[type] ?? "") : `e.g. ${example}`;
  return h("input", { type: "text", autocomplete: "off", spellcheck: "false", placeholder: hint, ...numeric });
}

/** Have a row that is pasted go to the fields from that one on. */
function spread(event, inputs) {
  const cells =
    event.clipboardData
      ?.getData("text")
      .trim()
      .split(/\t|[;,]\s*/) ?? [];
  const first = inputs.findIndex(([, box]) => box === event.target);
  if (cells.length < 2 || first < 0) return;
  event.preventDefault();
  cells.slice(0, inputs.length - first).forEach((cell, i) => (inputs[first + i][1].value = cell));
}
