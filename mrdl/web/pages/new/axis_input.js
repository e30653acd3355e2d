// An axis of a sweep: one value, several, or the ends of a range; of choices, those that are ticked.

import { h } from "../dom.js";
import { axisOf, namesOf, textOfAxis, titleOf } from "./value_text.js";

/** Gives {input: a fieldset, show}, as setting_input.js has them. */
export function axisInput(one, set) {
  return one.choices.length ? ticks(one, set) : ends(one, set);
}

function ticks(one, set) {
  const boxes = one.choices.map((choice) => h("input", { type: "checkbox", onchange: () => chosen() }));
  const chosen = () => set(one.choices.filter((_, i) => boxes[i].checked).join(", "));
  const show = (text) => {
    const names = namesOf(text || one.default);
    boxes.forEach((box, i) => (box.checked = names.includes(one.choices[i])));
  };
  const labels = one.choices.map((choice, i) => h("label", { class: "check" }, boxes[i], choice));
  return { input: h("fieldset", { class: "ticks" }, labels), show };
}

/** Values with commas between, or the two ends of a range. */
function ends(one, set) {
  const title = titleOf(one.name);
  const ways = { values: "values", range: "range", log: "range, by factors" };
  const options = Object.entries(ways).map(([name, words]) => h("option", { value: name }, words));
  const way = h("select", { "aria-label": `${title}: how it varies`, onchange: () => (turn(), tell()) }, options);
  const text = (label, placeholder) =>
    h("input", {
      type: "text",
      autocomplete: "off",
      spellcheck: "false",
      placeholder,
      "aria-label": `${title}: ${label}`,
      oninput: () => tell(),
    });
  const values = text("values, with commas between", one.default);
  const low = text("from", "from");
  const high = text("to", "to");
  const range = h("span", { class: "line nowrap-line" }, low, h("span", { "aria-hidden": "true" }, "–"), high);
  const turn = () => {
    values.hidden = way.value !== "values";
    range.hidden = !values.hidden;
  };
  const now = () => textOfAxis({ way: way.value, values: values.value, low: low.value, high: high.value });
  const tell = () => set(now());
  const show = (value) => {
    if (now() === (value ?? "")) return turn();
    const said = axisOf(value);
    way.value = said.way;
    values.value = said.values;
    low.value = said.low;
    high.value = said.high;
    return turn();
  };
  return { input: h("fieldset", { class: "axis" }, h("div", { class: "axis-line" }, values, range, way)), show };
}
