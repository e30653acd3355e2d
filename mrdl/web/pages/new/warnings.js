// What looks wrong in a table, each with what mends it at a press.

import { count, h } from "../dom.js";
import { draft, KINDS_OF_COLUMN } from "./draft.js";
import { namesOf } from "./value_text.js";

const NAMED = 6; // columns

/** The faults of an inspection, {words, columns, drop, flag}, as a list that unfolds. */
export function warnings(faults) {
  const items = faults.map(({ words, columns, flag }) => {
    const more = columns.length > NAMED ? `, and ${columns.length - NAMED} more` : "";
    const names = columns.length ? [h("strong", null, columns.slice(0, NAMED).join(", "), more), ": "] : null;
    return h("li", { class: "line" }, h("span", { class: "grow" }, names, words), mend(flag, columns));
  });
  const head = h("summary", null, `${count(items.length, "thing")} to look at`);
  return h("details", { class: "said warning", open: items.length <= 4 }, head, h("ul", { class: "faults" }, items));
}

/** The flag of the command line that mends a fault, "--bad-rows skip", as a button; null where none does. */
function mend(flag, columns) {
  const [, name, value] = flag?.match(/^--([\w-]+) (.+)$/s) ?? [];
  const setting = name?.replaceAll("-", "_");
  const field = draft.fieldOf(setting);
  if (!field) return null;
  const isKind = KINDS_OF_COLUMN.includes(setting);
  const now = isKind ? (draft.columns()[setting] ?? []) : [];
  const given = columns.length ? columns : namesOf(value); // by the names themselves: those in a flag are quoted
  const left = isKind ? given.filter((one) => !now.includes(one)) : [];
  if (isKind ? !left.length : draft.values[field.key] === value) return h("span", { class: "small muted" }, "mended");
  const apply = () => (isKind ? draft.say(setting, [...now, ...left]) : draft.set(field.key, value, "fault"));
  return h("button", { type: "button", class: "slim", onclick: apply }, wordsOf(setting, value, isKind, left.length));
}

/** The lines that are no rows, in words, where nobody has said that they be left out; "" where all can be read. */
export function brokenLines() {
  if (!draft.found?.bad) return "";
  const fault = draft.found.faults.find((one) => !one.columns.length && one.flag);
  const [, name, value] = fault?.flag.match(/^--([\w-]+) (.+)$/) ?? [];
  const field = draft.fieldOf(name?.replaceAll("-", "_"));
  return field && draft.values[field.key] !== value ? fault.words : "";
}

function wordsOf(setting, value, isKind, many) {
  const them = many > 1 ? "them" : "it";
  if (setting === "drop") return `Leave ${them} out`;
  return isKind ? `Take ${them} as ${setting}` : `Set ${setting.replaceAll("_", " ")} to ${value}`;
}
