// What a form holds is text, as one types it; these are the texts that stand for several values.

/** "learning rate" is "Learning rate", "wait s" is "Wait (s)". */
export function titleOf(name) {
  const words = name.replace(/ (s|mb)$/, (_, unit) => ` (${unit === "mb" ? "MB" : unit})`);
  return words[0].toUpperCase() + words.slice(1);
}

/** The names in a text with commas between; those that hold commas are quoted: 'a,"b,c"' is ["a", "b,c"]. */
export function namesOf(text) {
  const found = String(text ?? "").matchAll(/\s*(?:"((?:[^"]|"")*)"|([^,]*))(?:,|$)/g);
  return [...found].map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain.trim()).filter(Boolean);
}

/** Names as a text with commas between. */
export function textOf(names) {
  return names.map((name) => (/[",\n\r]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name)).join(",");
}

/** What is said of an axis: {way: "values" | "range" | "log", values, low, high}. */
export function axisOf(text) {
  const [, low, high, log] = String(text ?? "").match(/^(.+?) to (\S+)( log)?$/) ?? [];
  if (low === undefined) return { way: "values", values: text ?? "", low: "", high: "" };
  return { way: log ? "log" : "range", values: "", low, high };
}

/** The text of an axis, the other way round; "" where nothing is said. */
export function textOfAxis({ way, values, low, high }) {
  if (way === "values") return values.trim();
  if (!low.trim() && !high.trim()) return "";
  return `${low.trim()} to ${high.trim()}${way === "log" ? " log" : ""}`;
}
