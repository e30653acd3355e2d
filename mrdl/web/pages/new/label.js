// Which column is to be predicted, and whether that is a class or a number. A suggestion is marked, never taken.

import { field, fill, h } from "../dom.js";
import { draft } from "./draft.js";

const MANY = 400; // columns; a list of more is typed into, not unfolded
const NO_LABEL = "none";
const TASKS = {
  auto: "By what the column holds",
  classify: "A class: yes or no, a kind, a group",
  regress: "A number",
  multilabel: "Yes or no in each of several columns",
};
const DECIDED = { classify: "classes", regress: "numbers", multilabel: "yes or no in each of several columns" };

/** Gives {box, show}. */
export function labelAndTask() {
  const label = h("div");
  const task = h("div");
  const read = h("div", { class: "columns" });
  const told = h("p", { class: "muted small", "aria-live": "polite" });
  const details = h("details", null, h("summary", null, "How the file is read"), read);
  const box = h("div", { class: "stack" }, h("div", { class: "columns" }, label, task), told, details);
  let shown = "";
  const show = () => {
    const { found } = draft;
    const said = draft.columns();
    const names = found?.columns?.map((one) => one.said ?? one.name) ?? [];
    const now = JSON.stringify([
      said.label,
      said.task,
      said.header,
      said.separator,
      names.length,
      names[0],
      found?.suggestion,
      draft.kind,
    ]);
    if (now !== shown) {
      const held = document.activeElement?.dataset?.held;
      shown = now;
      fill(label, found && labelField(found, said, names));
      fill(task, found && taskField(said));
      fill(read, [option("header"), option("separator")]);
      if (held) box.querySelector(`[data-held="${CSS.escape(held)}"]`)?.focus();
    }
    details.open ||= Boolean(draft.lookFault && !found);
    const decided =
      DECIDED[found?.task] && said.label && said.label !== NO_LABEL ? `What is learnt: ${DECIDED[found.task]}. ` : "";
    told.textContent = said.label && found?.told ? `${decided}${found.told}` : "";
    told.hidden = !told.textContent;
  };
  return { box, show };
}

function labelField(found, said, names) {
  const hint = found.suggestion?.label;
  const why = hint
    ? `Suggested: ${hint}${found.suggestion.why ? `, ${found.suggestion.why}` : ""}. It is yours to say.`
    : "The column whose values a network is to tell from the others.";
  const choose = (value) => draft.say("label", value);
  const typed =
    names.length > MANY ||
    said.task === "multilabel" ||
    (said.label && said.label !== NO_LABEL && !names.includes(said.label));
  const input = typed ? typedLabel(said, choose) : listedLabel(said, names, hint, choose);
  const take =
    hint &&
    said.label !== hint &&
    h("button", { type: "button", class: "slim", onclick: () => choose(hint) }, `Predict ${hint}`);
  const made = field("What do you want to predict?", input, why);
  if (typed) made.append(suggestions(input, names));
  if (take) made.append(h("div", null, take));
  return made;
}

function listedLabel(said, names, hint, choose) {
  const options = names.map((name) => h("option", { value: name }, name === hint ? `${name} (suggested)` : name));
  const select = h(
    "select",
    { value: said.label ?? "", id: "label", dataset: { held: "label" }, onchange: () => choose(select.value) },
    [
      h("option", { value: "" }, "– choose a column –"),
      options,
      h("option", { value: NO_LABEL }, "nothing: the table has no label"),
    ],
  );
  return select;
}

function typedLabel(said, choose) {
  const placeholder = said.task === "multilabel" ? "Columns, with commas between" : "A column's name";
  const input = h("input", {
    value: said.label ?? "",
    list: "labels",
    id: "label",
    spellcheck: "false",
    autocomplete: "off",
    placeholder,
    dataset: { held: "label" },
    onchange: () => choose(input.value.trim()),
  });
  return input;
}

/** Some names that have what is typed in them; all of 10,000 would make the page slow. */
function suggestions(input, names) {
  const list = h("datalist", { id: "labels" });
  input.addEventListener("input", () => {
    const typed = input.value.toLowerCase();
    const fit = names.filter((name) => name.toLowerCase().includes(typed)).slice(0, 30);
    fill(
      list,
      fit.map((name) => h("option", { value: name })),
    );
  });
  return list;
}

function taskField(said) {
  const asked = draft.fieldOf("task");
  const select = h(
    "select",
    {
      value: said.task ?? asked?.default ?? "auto",
      id: "task",
      dataset: { held: "task" },
      onchange: () => draft.say("task", select.value === asked?.default ? "" : select.value),
    },
    (asked?.choices ?? Object.keys(TASKS)).map((name) => h("option", { value: name }, TASKS[name] ?? name)),
  );
  return field("What is it?", select, "A class and a number are learnt, and scored, in different ways.");
}

/** A setting of how the file is read, made of its field in the form. */
function option(name) {
  const asked = draft.fieldOf(name);
  if (!asked) return null;
  const value = draft.values[asked.key] ?? asked.default ?? "";
  const chosen = () => draft.say(name, input.value === asked.default ? "" : input.value);
  const input = asked.choices?.length
    ? h(
        "select",
        { value, dataset: { held: name }, onchange: chosen },
        asked.choices.map((one) => h("option", { value: one }, one)),
      )
    : h("input", { value, dataset: { held: name }, onchange: chosen });
  return field(`${name[0].toUpperCase()}${name.slice(1)}`, input, asked.help);
}
