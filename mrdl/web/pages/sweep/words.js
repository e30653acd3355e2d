// A design in words: its layers and what it was trained with.

import { h } from "../dom.js";

/** The hidden layers of a design: "64, 32", many equal ones as "8 × 64". */
export function layers(hidden) {
  if (!Array.isArray(hidden)) return hidden ? String(hidden) : "no hidden layer";
  if (!hidden.length) return "no hidden layer";
  if (hidden.length > 3 && hidden.every((one) => one === hidden[0])) return `${hidden.length} × ${hidden[0]}`;
  return hidden.length > 8 ? `${hidden.slice(0, 7).join(", ")}, … (${hidden.length})` : hidden.join(", ");
}

/** A design in a few words. */
export function designName(row) {
  return [layers(row.hidden), row.activation, row.optimizer].filter(Boolean).join(" · ");
}

/** The address of a design's page. */
export function designAddress(key, arch) {
  return `/s/${encodeURIComponent(key)}/design/${encodeURIComponent(arch)}`;
}

/** A link to a design's page, by its words or others. */
export function linkTo(key, row, words = designName(row)) {
  return h("a", { href: designAddress(key, row.arch_id) }, words);
}
