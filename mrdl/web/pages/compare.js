// The page that compares sweeps of the same designs on several tables: which rules of design hold on all of them.

import { get, query } from "./api.js";
import { go } from "./address.js";
import { alike } from "./compare/alike.js";
import { bestTable, rulesTable, sidesTable } from "./compare/tables.js";
import { empty, h, said } from "./dom.js";
import { facts, section } from "./session/parts.js";

export async function show(root, { query: asked, signal }) {
  const keys = (asked.get("keys") ?? "").split(",").filter(Boolean);
  const title = h("h1", null, "Compare sweeps");
  if (keys.length < 2) {
    root.append(title, await choice(keys, signal));
    return;
  }
  const other = h("a", { class: "button", href: "/compare" }, "Choose others");
  const waiting = h(
    "p",
    { class: "muted", role: "status" },
    "The sweeps are being compared; large ones take some seconds.",
  );
  root.append(h("div", { class: "page-head" }, title, other), waiting);
  load(root, keys, signal).then(
    () => waiting.remove(),
    (error) => error.name !== "AbortError" && waiting.replaceWith(said(error.message)),
  );
}

async function load(root, keys, signal) {
  const found = await get(query("/api/compare", { keys: keys.join(",") }), { signal });
  const keyOf = new Map(found.sweeps.map((one, i) => [one.name, keys[i]]));
  const says = h(
    "ul",
    { class: "says" },
    found.says.map((words) => h("li", null, words)),
  );
  const notes = found.notes.map((words) => said(words, "warning"));
  root.append(
    section("What they say", [says, ...notes]),
    section("The sweeps", sidesTable(found, keyOf)),
    section("Do they rank designs alike?", alike(found, signal)),
    section("Rules of design", rulesTable(found)),
    section("Designs that are good on all", bestTable(found, keyOf)),
    methods(found.methods),
  );
}

function methods(told) {
  const list = facts(Object.entries(told ?? {}));
  return h(
    "details",
    { class: "card" },
    h("summary", null, "How this is reckoned"),
    h("div", { class: "inside" }, list),
  );
}

/** Which sweeps are to be compared. */
async function choice(keys, signal) {
  const { sessions } = await get(query("/api/sessions", { limit: 500 }), { signal });
  const sweeps = sessions.filter((one) => one.kind === "sweep");
  if (sweeps.length < 2) {
    const words =
      "Train the same designs on two tables or more: then this page says which rules of design hold on all of them, " +
      "and which are true of one alone.";
    return empty("There is nothing to compare yet", words, h("a", { class: "button main", href: "/new" }, "New sweep"));
  }
  const chosen = new Set(keys);
  const start = h("button", { type: "submit", class: "main" }, "Compare");
  const settle = () => (start.disabled = chosen.size < 2);
  const boxes = sweeps.map((one) => {
    const box = h("input", {
      type: "checkbox",
      checked: chosen.has(one.key),
      onchange: () => (box.checked ? chosen.add(one.key) : chosen.delete(one.key), settle()),
    });
    const about = [one.table?.split("/").pop(), one.score?.text, one.state].filter(Boolean).join(" · ");
    const name = h(
      "span",
      null,
      h("bdi", { class: "named", title: one.title || null }, one.title || one.key),
      h("small", null, about),
    );
    return h("label", { class: "choice" }, box, name);
  });
  settle();
  const submit = (event) => (event.preventDefault(), go(query("/compare", { keys: [...chosen].join(",") })));
  const words = h("p", { class: "muted" }, "Choose two or more that trained the same designs on several tables.");
  return h(
    "form",
    { class: "stack", onsubmit: submit },
    words,
    h("div", { class: "choices" }, boxes),
    h("div", null, start),
  );
}
