// One setting as an input, made of what the server's form says of it. No setting is named here.

import { field, h } from "../dom.js";
import { axisInput } from "./axis_input.js";
import { asText, fromText } from "./value_text.js";

/** "learning_rate" is "Learning rate". */
export const titleOf = (name) => name[0].toUpperCase() + name.slice(1).replaceAll("_", " ");

/**
 * The input of a field of a form. set: is told the value, undefined for that by default.
 * Gives {box, show}: `show` has it show a value.
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
  if (one.type === "bool")
    return choice(
      one,
      [
        ["true", "yes"],
        ["false", "no"],
      ],
      (text) => set(text === "" ? undefined : text === "true"),
    );
  if (one.type === "choice" || one.choices?.length)
    return choice(
      one,
      one.choices.map((name) => [String(name), String(name)]),
      (text) => set(text === "" ? undefined : text),
    );
  return typed(one, set);
}

function choice(one, options, chosen) {
  const first = h("option", { value: "" }, `${asText(one.default)} (as it is)`);
  const others = options.filter(([value]) => value !== String(one.default));
  const select = h(
    "select",
    { onchange: () => chosen(select.value) },
    first,
    others.map(([value, words]) => h("option", { value }, words)),
  );
  const show = (value) => {
    select.value = value === undefined || value === null || String(value) === String(one.default) ? "" : String(value);
  };
  return { input: select, show };
}

function typed(one, set) {
  const mode = ["int", "float"].includes(one.type) ? "decimal" : null;
  const input = h("input", {
    type: "text",
    inputmode: mode,
    placeholder: asText(one.default),
    autocomplete: "off",
    spellcheck: "false",
    oninput: () => set(fromText(one.type, input.value)),
  });
  const show = (value) => {
    if (JSON.stringify(fromText(one.type, input.value)) === JSON.stringify(value ?? undefined)) return; // "1." is being typed
    input.value = value === undefined || value === null ? "" : asText(value);
  };
  return { input, show };
}
