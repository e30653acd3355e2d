// Parts that the pages of a session have in common: figures in words, facts, warnings, settings, the log, copying.

import { get, session } from "../api.js";
import { fill, fresh, h, number, percent, said, toast } from "../dom.js";

/** A figure in a card: what it is, its value, a word below. Gives {node, set(value, below)}. */
export function figure(of, ...more) {
  const is = h("div", { class: "is" }, "–");
  const below = h("div", { class: "of" });
  const node = h("div", { class: "figure card" }, h("div", { class: "of" }, of), is, below, more);
  const set = (value, word = "") => {
    if (is.textContent !== String(value)) fill(is, value);
    if (below.textContent !== String(word)) fill(below, word);
  };
  return { node, set };
}

/** Names and values below each other; pairs without a value are left out. */
export function facts(pairs) {
  const known = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return h(
    "dl",
    { class: "facts" },
    known.map(([name, value]) => [h("dt", null, name), h("dd", null, value)]),
  );
}

/** A part of a page with its own head. more: what stands at the head's end. */
export function section(title, content, ...more) {
  const name = fresh("part");
  const head = h(
    "div",
    { class: "line" },
    h("h2", { id: name }, title),
    more.length ? h("span", { class: "line end" }, more) : null,
  );
  return h("section", { class: "card stack", "aria-labelledby": name }, head, content);
}

/** How long it takes yet, short enough for a large figure: {low_s: 530, high_s: 950} is "9 to 16 min". */
export function remaining({ low_s: low, high_s: high }) {
  const [unit, name] = [
    [86400, "d"],
    [3600, "h"],
    [60, "min"],
    [1, "s"],
  ].find(([each]) => high >= 1.5 * each) ?? [1, "s"];
  const [from, to] = [low, high].map((seconds) =>
    Number((seconds / unit).toFixed(high / unit < 5 && unit > 60 ? 1 : 0)),
  );
  return from === to ? `${Math.max(1, to)} ${name}` : `${from} to ${to} ${name}`;
}

/** A score as people read it: an accuracy in per cent, other measures as numbers. */
export function scoreText(name, value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  return name.endsWith("accuracy") ? percent(value, 2) : number(value, 4);
}

const TOLD = { auc: "AUC", pr_auc: "PR AUC", f1: "F1", rmse: "RMSE", mae: "MAE", r2: "R²" };

/** The name of a measure as people write it. */
export function measure(name) {
  return TOLD[name] ?? name.replaceAll("_", " ");
}

/** A setting's value as text. */
export function valueText(value) {
  if (Array.isArray(value)) return value.map(valueText).join(", ");
  if (value === true) return "yes";
  if (value === false) return "no";
  if (typeof value === "number") return number(value, 6);
  return value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** What a session says of itself in words: warnings, each once. Gives {node, add}. */
export function warnings(words) {
  const known = new Set();
  const list = h("div", { class: "stack tight" });
  const add = (word) => {
    if (known.has(word)) return;
    known.add(word);
    list.append(said(word, "warning"));
  };
  words.forEach(add);
  return { node: list, add };
}

/** A text to read and to copy. */
export function copied(label, text) {
  const area = h("pre", { tabindex: 0, "aria-label": label, role: "region", class: "tall" }, text);
  return h(
    "div",
    { class: "stack tight" },
    area,
    h(
      "div",
      { class: "line" },
      copyButton("Copy", () => text),
    ),
  );
}

/** A button that copies what `text` gives. */
export function copyButton(words, text, done = "Copied.") {
  const button = h("button", { type: "button", class: "slim", onclick: () => copy(text(), done) }, words);
  return button;
}

async function copy(text, done) {
  try {
    await navigator.clipboard.writeText(text);
    toast(done);
  } catch {
    toast(`This browser does not let a page copy here. It is: ${text}`, "error");
  }
}

/** The settings of a session, and where it lies. */
export function settings(told) {
  const lies = facts([
    ["Folder", h("code", null, told.folder)],
    ["Command", told.command && h("code", null, told.command)],
    ["Tasks run", told.runner],
    ["Started by", told.by],
  ]);
  return section("Settings", [lies, told.toml ? copied("Settings as TOML", told.toml) : null]);
}

/** The log of a session, read when it is opened. */
export function log(key) {
  const text = h("pre", { tabindex: 0, role: "region", "aria-label": "Log", class: "tall" }, "Loading…");
  const path = session(key, "log");
  const read = async () => {
    try {
      text.textContent = (await get(path, { text: true })) || "Nothing was written to the log.";
      text.scrollTop = text.scrollHeight;
    } catch (error) {
      text.textContent = error.message;
    }
  };
  const again = h("button", { type: "button", class: "slim", onclick: read }, "Read again");
  const whole = h("a", { href: `${path}?all=1`, target: "_blank", rel: "noopener" }, "All of it");
  const box = h(
    "details",
    { ontoggle: () => box.open && read() },
    h("summary", null, "Log"),
    h("div", { class: "stack tight inside" }, text, h("div", { class: "line" }, again, whole)),
  );
  return h("section", { class: "card", "aria-label": "Log" }, box);
}
