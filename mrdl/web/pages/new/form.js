// The third step of New: the settings as a form that the server describes, and the same as TOML beside it.

import { dialog, fill, h, said } from "../dom.js";
import { draft, OF_COLUMNS, settingOf } from "./draft.js";
import { settingInput } from "./setting_input.js";

const KINDS = {
  run: ["One network", "Trained on all of the table, then it predicts for new rows."],
  sweep: ["A sweep over many designs", "Which depth, width and activation fit this table? Each is trained and ranked."],
};

/** Show the step in `box`; gives a function that cleans up. */
export async function form(box) {
  const settings = h("div", { class: "stack" });
  const fault = h("div");
  const toml = tomlBox();
  const beside = h("div", { class: "form-halves" }, h("div", { class: "stack" }, fault, settings), toml.box);
  const examples = h("div", { class: "stack tight" });
  fill(box, kinds(), examples, beside);
  let inputs = new Map(); // key -> {box, show}
  const showAll = () => inputs.forEach((input, key) => input.show(draft.values[key]));
  const make = async () => {
    const { groups, examples: some } = await draft.form();
    inputs = makeInputs(settings, groups);
    const begin = h("h3", { id: "examples" }, "Begin with");
    const buttons = h("div", { class: "choices examples", role: "group", "aria-labelledby": "examples" });
    fill(examples, begin, fill(buttons, some.map(exampleButton)));
    showAll();
  };
  const showFault = () => {
    fill(fault, draft.fault ? said(draft.fault.words) : null);
    mark(inputs, draft.fault, toml.area);
  };
  await make();
  const deaf = [
    draft.hear("values", (from) => (from === "kind" ? make() : from !== "form" && showAll())),
    draft.hear("fault", showFault),
    draft.hear("toml", (from) => toml.show(from)),
  ];
  toml.show("");
  await draft.settle();
  return () => deaf.forEach((end) => end());
}

function kinds() {
  const choices = Object.entries(KINDS).map(([kind, [title, words]]) => {
    const input = h("input", {
      type: "radio",
      name: "kind",
      value: kind,
      checked: draft.kind === kind,
      onchange: () => draft.choose(kind),
    });
    return h("label", { class: "choice" }, input, h("span", null, h("strong", null, title), h("small", null, words)));
  });
  return h(
    "fieldset",
    null,
    h("legend", { class: "unseen" }, "What is trained"),
    h("div", { class: "choices" }, choices),
  );
}

/** A press fills the form; what somebody has entered by hand is not thrown away unasked. */
function exampleButton(example) {
  const title = "Replace your settings?";
  const question = `Those of “${example.title}” come in their place. What you said of columns stays.`;
  const take = async () => {
    if (!draft.isOwn || (await dialog(question, { title, yes: "Replace" }))) await draft.begin(example);
  };
  return h(
    "button",
    { type: "button", onclick: take },
    h("strong", null, example.title),
    h("small", null, example.words),
  );
}

/** Fill `box` with the inputs of a form: the common ones, then the others by group. Gives key -> {box, show}. */
function makeInputs(box, groups) {
  const inputs = new Map();
  const wanted = (one) => !OF_COLUMNS.includes(settingOf(one)); // those are said of columns, in the step before
  const make = (one) => {
    const made = settingInput(one, (value) => draft.set(one.key, value, "form"));
    inputs.set(one.key, made);
    return made.box;
  };
  const common = groups.flatMap((group) => group.fields.filter((one) => wanted(one) && one.common));
  const grid = (fields) => h("div", { class: "fields" }, fields.map(make));
  const parts = [grid(common)];
  const rest = groups.map((group) => [group, group.fields.filter((one) => wanted(one) && !one.common)]);
  const sections = rest
    .filter(([, fields]) => fields.length)
    .map(([group, fields]) =>
      h(
        "details",
        { class: "group" },
        h("summary", null, group.title, h("small", { class: "muted" }, ` ${fields.length}`)),
        grid(fields),
      ),
    );
  if (sections.length)
    parts.push(
      h(
        "details",
        { class: "more" },
        h("summary", null, "More settings"),
        h("div", { class: "stack tight" }, sections),
      ),
    );
  fill(box, parts);
  return inputs;
}

/** Mark the input that a fault speaks of, if it names one: "rounds is 0, expected …". */
function mark(inputs, fault, area) {
  for (const { box } of inputs.values()) {
    box.querySelector("[aria-invalid]")?.removeAttribute("aria-invalid");
    box.querySelector(".wrong")?.remove();
  }
  area.setAttribute("aria-invalid", String(fault?.from === "toml"));
  if (fault?.from !== "form") return;
  const named = [...inputs.keys()].filter((key) =>
    new RegExp(`(^|[^\\w.])${key.replace(".", "\\.")}([^\\w]|$)`).test(fault.words),
  );
  const key = named.sort((a, b) => fault.words.indexOf(a) - fault.words.indexOf(b) || b.length - a.length)[0];
  if (!key) return;
  const { box } = inputs.get(key);
  for (let above = box.closest("details"); above; above = above.parentElement.closest("details")) above.open = true;
  box.querySelector("input, select")?.setAttribute("aria-invalid", "true");
  box.append(h("span", { class: "wrong" }, fault.words));
}

function tomlBox() {
  const area = h("textarea", {
    class: "code",
    id: "toml",
    spellcheck: "false",
    autocomplete: "off",
    rows: 14,
    "aria-describedby": "toml-help",
    oninput: () => draft.type(area.value),
  });
  const help = h(
    "span",
    { class: "help", id: "toml-help" },
    "The same settings as a file, which the command line reads, too. Change either side.",
  );
  const copy = h("button", { type: "button", class: "slim", onclick: () => save(area.value) }, "Save as a file");
  const box = h(
    "div",
    { class: "field toml" },
    h("div", { class: "line" }, h("label", { for: "toml", class: "grow" }, "As TOML"), copy),
    area,
    help,
  );
  const show = (from) => {
    if (from !== "toml" && area.value !== draft.toml) area.value = draft.toml;
  };
  return { box, area, show };
}

function save(text) {
  const link = h("a", {
    href: URL.createObjectURL(new Blob([text], { type: "text/plain" })),
    download: `${draft.kind}.toml`,
  });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
