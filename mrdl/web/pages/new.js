// New: not written yet.

import { h } from "./dom.js";

export async function show(root) {
  root.append(h("h1", null, "New"));
}
