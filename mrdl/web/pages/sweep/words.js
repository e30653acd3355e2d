// A design in words: its layers and what it was trained with.

import { h } from "../dom.js";

/** The hidden layers of a design: "64, 32", many equal ones as "8 × 64". */
export function layers(hidden) {
  const nodes = Array.isArray(hidden)
    ? hidden
    : String(hidden ?? "")
        .split("-")
        .filter(Boolean); // "64-32" is how it is stored
  if (!nodes.length) return "no hidden layer";
  if (nodes.length > 3 && nodes.every((one) => one === nodes[0])) return `${nodes.length} × ${nodes[0]}`;
  return nodes.length > 8 ? `${nodes.slice(0, 7).join(", ")}, … (${nodes.length})` : nodes.join(", ");
}

/** A design in a few words. */
export function designName(row) {
  return [layers(row.hidden), row.activation, row.optimizer].filter(Boolean).join(" · ");
}

/** What became of a design, collapsed ones by that word. */
export function stateOf(row) {
  return row.collapsed && (row.state ?? row.status) === "done" ? "collapsed" : (row.state ?? row.status);
}

/** The address of a design's page. */
export function designAddress(key, arch) {
  return `/s/${encodeURIComponent(key)}/design/${encodeURIComponent(arch)}`;
}

/** A link to a design's page, by its words or others. */
export function linkTo(key, row, words = designName(row)) {
  return h("a", { href: designAddress(key, row.arch_id) }, words);
}
