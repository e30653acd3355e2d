// An axis of a sweep: one value, several, or the ends of a range; of choices, those that are ticked.

import { fresh, h } from "../dom.js";
import { asText, numberOf } from "./value_text.js";

/** Gives {input: a fieldset, show}, as setting_input.js has them. */
export function axisInput(one, set) {
  return one.choices?.length ? ticks(one, set) : ends(one, set);
}

function ticks(one, set) {
  const boxes = one.choices.map((choice) =>
    h("input", { type: "checkbox", value: String(choice), onchange: () => chosen() }),
  );
  const chosen = () => {
    const values = one.choices.filter((_, i) => boxes[i].checked);
    set(values.length ? values : undefined);
  };
  const show = (value) => {
    const values = [value ?? one.default].flat().map(String);
    boxes.forEach((box) => (box.checked = values.includes(box.value)));
  };
  const labels = one.choices.map((choice, i) => h("label", { class: "check" }, boxes[i], asText(choice)));
  return { input: h("fieldset", { class: "ticks" }, labels), show };
}

/** Values with commas between, or the two ends of a range. */
function ends(one, set) {
  const way = h("select", { class: "slim", "aria-label": "How it varies", onchange: () => (turn(), tell()) }, [
    h("option", { value: "values" }, "these values"),
    h("option", { value: "range" }, "a range"),
    h("option", { value: "log" }, "a range, by factors"),
  ]);
  const text = (label, more) =>
    h("input", {
      type: "text",
      inputmode: "decimal",
      autocomplete: "off",
      "aria-label": label,
      id: fresh("axis"),
      oninput: () => tell(),
      ...more,
    });
  const values = text("Values, with commas between", { placeholder: asText(one.default), inputmode: "text" });
  const least = text("From", { placeholder: "from" });
  const most = text("To", { placeholder: "to" });
  const range = h("span", { class: "line nowrap-line" }, least, h("span", { "aria-hidden": "true" }, "–"), most);
  const turn = () => {
    values.hidden = way.value !== "values";
    range.hidden = !values.hidden;
  };
  const now = () => {
    if (way.value === "values") {
      const typed = values.value
        .split(",")
        .map((part) => part.trim())
        .filter(Boolean)
        .map(numberOf);
      return typed.length > 1 ? typed : typed[0];
    }
    if (!least.value.trim() && !most.value.trim()) return undefined;
    const log = way.value === "log" ? { log: true } : {};
    return { min: numberOf(least.value.trim()), max: numberOf(most.value.trim()), ...log };
  };
  const tell = () => set(now());
  const show = (value) => {
    if (JSON.stringify(now()) === JSON.stringify(value)) return turn();
    const isRange = value && typeof value === "object" && !Array.isArray(value);
    way.value = isRange ? (value.log ? "log" : "range") : "values";
    values.value = isRange ? "" : asText(value);
    least.value = isRange ? asText(value.min) : "";
    most.value = isRange ? asText(value.max) : "";
    return turn();
  };
  return { input: h("fieldset", { class: "axis" }, way, values, range), show };
}
