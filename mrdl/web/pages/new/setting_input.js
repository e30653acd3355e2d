// One setting as an input, made of what the server's form says of it. No setting is named here.

import { field, h } from "../dom.js";
import { axisInput } from "./axis_input.js";
import { titleOf } from "./value_text.js";

/**
 * The input of a field of a form. set: is told its text, "" for what is by default.
 * Gives {box, show}: `show` has it show a text.
 */
export function settingInput(one, set) {
  const { input, show } = inputOf(one, set);
  const box = field(titleOf(one.name), input, one.help);
  if (input.tagName === "FIELDSET") relabel(box, input);
  box.dataset.key = one.key;
  return { box, show };
}

/** A group of inputs has its title as a legend; a label would name nothing. */
function relabel(box, group) {
  const label = box.querySelector(":scope > label");
  group.prepend(h("legend", { class: "unseen" }, label.textContent));
  label.replaceWith(h("span", { class: "label", "aria-hidden": "true" }, label.textContent));
}

function inputOf(one, set) {
  if (one.type === "axis") return axisInput(one, set);
  if (one.type === "bool") return choice(one, ["yes", "no"], set);
  return one.choices.length ? choice(one, one.choices, set) : typed(one, set);
}

function choice(one, choices, set) {
  const names = choices.filter((name) => name !== one.default);
  const first = h("option", { value: "" }, one.default ? `${one.default} (default)` : "as it fits");
  const others = names.map((name) => h("option", { value: name }, name));
  const select = h("select", { onchange: () => set(select.value) }, first, others);
  const show = (text) => {
    select.value = names.includes(text) ? text : "";
  };
  return { input: select, show };
}

function typed(one, set) {
  const input = h("input", {
    type: "text",
    inputmode: ["int", "float"].includes(one.type) ? "decimal" : null,
    placeholder: one.default || (one.optional ? "as it fits" : ""),
    autocomplete: "off",
    spellcheck: "false",
    oninput: () => set(input.value),
  });
  const show = (text) => {
    if (input.value.trim() !== (text ?? "")) input.value = text ?? ""; // else a blank that is being typed would go
  };
  return { input, show };
}
