// Elements of a page. All that is shown goes in as text, so a column named "<script>" is only a name.

export { age, bytes, clock, count, duration, moment, number, percent, range } from "./format.js";

const SVG = new Set(["svg", "g", "path", "rect", "line", "circle", "polyline", "title"]);
let numbers = 0;

/**
 * An element. h("p", {class: "muted"}, "Hello ", name) gives <p class="muted">Hello NAME</p>.
 *
 * attrs: attributes; a function is a listener ({onclick: f}), true is an attribute without a value, false, null and
 * undefined are left out, `dataset` and `style` take objects, `value`, `checked` and `disabled` are set as properties.
 * children: nodes, texts, numbers, lists of them; null, undefined and false are left out.
 */
export function h(tag, attrs, ...children) {
  const svg = SVG.has(tag);
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attrs ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.replace(/^on/, ""), value);
    else if (name === "dataset") Object.assign(element.dataset, value);
    else if (name === "style") Object.assign(element.style, value);
    else if (name === "value" || name === "checked" || name === "disabled") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...nodes(children));
  // a select takes its value only when its options are there
  if (tag === "select" && attrs?.value !== undefined && attrs.value !== null) element.value = attrs.value;
  return element;
}

function nodes(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}

/** Have these children in place of what an element had. */
export function fill(element, ...children) {
  element.replaceChildren(...nodes(children));
  return element;
}

/** A name for an id that no other element has. */
export function fresh(stem) {
  numbers += 1;
  return `${stem}-${numbers}`;
}

/** The badge of a state: running, waiting, done, stopped, failed, collapsed. */
export function badge(state) {
  return h("span", { class: `badge ${state}` }, state);
}

/**
 * A bar of progress that screen readers know, too. share: 0..1, or null where it is not known how much is left.
 * parts: [[share, class], …] for a bar of several colours.
 */
export function bar(label, share, parts = [[share ?? 0, ""]]) {
  const now = share === null ? {} : { "aria-valuenow": Math.round(100 * share) };
  return h(
    "div",
    {
      class: share === null ? "bar busy" : "bar",
      role: "progressbar",
      "aria-label": label,
      "aria-valuemin": 0,
      "aria-valuemax": 100,
      ...now,
    },
    share === null ? null : parts.map(([part, name]) => h("i", { class: name, style: { width: `${100 * part}%` } })),
  );
}

/** A field: its label, the input, a word of help; an error can be told in it by `wrong(field, words)`. */
export function field(label, input, help) {
  input.id ||= fresh("field");
  const helped = help && h("span", { class: "help", id: fresh("help") }, help);
  if (helped) input.setAttribute("aria-describedby", helped.id);
  return h("div", { class: "field" }, h("label", { for: input.id }, label), input, helped);
}

/** What went wrong, told where it did; an element that holds null until then. words: "" takes it away. */
export function said(words, kind = "error") {
  const role = kind === "error" ? "alert" : "status";
  return words ? h("div", { class: `said ${kind}`, role }, words) : null;
}

/** A page or a list with nothing in it, which says what to do. actions: links or buttons. */
export function empty(title, words, ...actions) {
  return h("div", { class: "empty" }, h("h2", null, title), h("p", null, words), h("div", { class: "line" }, actions));
}

/** A table in a box that scrolls by keys, too. label: what it is, for screen readers; heads: texts or <th>. */
export function table(label, heads, rows) {
  const head = heads.map((one) => (one instanceof Node ? one : h("th", { scope: "col" }, one)));
  const body = h("tbody", null, rows);
  return h(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": label },
    h("table", null, h("thead", null, h("tr", null, head)), body),
  );
}

/** Ask before something is done. Gives a promise of true or false; options: {title, yes, no, danger}. */
export function dialog(question, { title = "", yes = "Yes", no = "Cancel", danger = false } = {}) {
  return new Promise((answer) => {
    const name = fresh("dialog");
    const close = (value) => () => box.close(value);
    const box = h(
      "dialog",
      { "aria-labelledby": name },
      h(
        "div",
        { class: "stack" },
        title && h("h2", { id: name }, title),
        h("p", title ? null : { id: name }, question),
        h(
          "div",
          { class: "line" },
          h("button", { type: "button", class: "end", onclick: close("no"), autofocus: danger }, no),
          h("button", { type: "button", class: danger ? "danger" : "main", onclick: close("yes") }, yes),
        ),
      ),
    );
    box.addEventListener("close", () => {
      box.remove();
      answer(box.returnValue === "yes");
    });
    document.body.append(box);
    box.showModal();
  });
}

/** A word in the corner that goes by itself, but for an error, which stays until it is closed. */
export function toast(words, kind = "") {
  const close = h("button", { class: "quiet slim", type: "button", onclick: () => note.remove() }, "Close");
  const note = h("div", { class: `toast ${kind}` }, h("span", null, words), close);
  document.getElementById("toasts").append(note);
  if (kind !== "error") setTimeout(() => note.remove(), 6000);
}

/** Tell screen readers what changed, where the page shows it anyhow. */
export function speak(words) {
  document.getElementById("spoken").textContent = words;
}

/**
 * Have a button say that it works until a promise is settled; gives that promise's value. Presses meanwhile do nothing;
 * it is not disabled, as that would take the focus away from it.
 */
export async function busy(button, work) {
  if (button.getAttribute("aria-busy") === "true") return undefined;
  button.setAttribute("aria-busy", "true");
  try {
    return await work();
  } finally {
    button.removeAttribute("aria-busy");
  }
}
