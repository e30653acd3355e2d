// The tables of a comparison: the sweeps, the rules and what each sweep says of them, the designs that are good on all.

import { fill, h, number, percent, table } from "../dom.js";
import { scoreText } from "../session/parts.js";
import { address } from "../session/head.js";
import { designAddress } from "../sweep/words.js";

const MATTERS = 3;
const RULES = 12; // before one asks for all
const MARKS = { holds: "✓", reversed: "✗", "not shown": "–", "not tested": "·" };

/** The sweeps. keyOf: name -> the session's key. */
export function sidesTable({ sweeps }, keyOf) {
  const row = (one) => {
    const matters = Object.entries(one.matters ?? {}).slice(0, MATTERS);
    const words = matters.map(([name, share]) => `${name.replaceAll("_", " ")} ${percent(share, 0)}`).join(", ");
    const cells = [
      one.source?.split("/").pop(),
      one.label,
      number(one.designs),
      scoreText(one.score, one.baseline),
      one.luck === null ? "not known" : percent(one.luck, 0),
      words,
    ];
    return h(
      "tr",
      null,
      h("th", { scope: "row" }, link(one.name, keyOf)),
      cells.map((cell) => h("td", null, h("bdi", { class: "brief-name" }, cell ?? "–"))),
    );
  };
  const heads = ["Sweep", "Table", "Label", "Designs", "Baseline", "Luck of seeds", "What it varies with"];
  return table("Sweeps side by side", heads, sweeps.map(row));
}

function link(name, keyOf) {
  return h("a", { href: address(keyOf.get(name) ?? name) }, h("bdi", { class: "brief-name", title: name }, name));
}

/** The rules; those that are shown on a sweep come first, the others when they are asked for. */
export function rulesTable({ rules, sweeps }) {
  if (!rules.length) return h("p", { class: "muted" }, "No rule can be told of: the sweeps share too few designs.");
  const shown = rules.filter((rule) => rule.holds || rule.reversed);
  const first = (shown.length ? shown : rules).slice(0, RULES);
  const box = table(
    "Rules side by side",
    [
      "Rule",
      "Holds on",
      ...sweeps.map((one) => h("th", { scope: "col" }, h("bdi", { class: "brief-name", title: one.name }, one.name))),
    ],
    first.map((rule) => ruleRow(rule, sweeps)),
  );
  const body = box.querySelector("tbody");
  const rest = rules.length - first.length;
  const more = h(
    "button",
    {
      type: "button",
      class: "slim",
      onclick: () => (
        fill(
          body,
          rules.map((rule) => ruleRow(rule, sweeps)),
        ),
        more.remove(),
        box.focus()
      ),
    },
    `Show all ${rules.length} rules`,
  );
  const words = h(
    "p",
    { class: "small muted" },
    "A rule holds where the difference is sure, after correction for all rules, and large enough to matter.",
  );
  return h("div", { class: "stack" }, words, box, rest > 0 ? h("div", null, more) : null);
}

function ruleRow(rule, sweeps) {
  const cells = rule.on.map((one, i) => h("td", null, verdict(one, sweeps[i])));
  return h(
    "tr",
    null,
    h("th", { scope: "row", class: "claim" }, rule.claim),
    h("td", { class: "nowrap" }, `${rule.holds} of ${sweeps.length}`),
    cells,
  );
}

function verdict({ verdict: kind, difference, pairs }, { score }) {
  const known = difference !== null && difference !== undefined;
  const points = score === "accuracy" ? `${(100 * difference).toFixed(1)} points` : number(difference, 2);
  const told = known ? `${difference >= 0 ? "+" : ""}${points}` : "";
  return h(
    "span",
    { class: `verdict ${kind.replace(" ", "-")}`, title: pairs ? `${number(pairs)} compared` : null },
    h("span", { "aria-hidden": "true" }, MARKS[kind] ?? ""),
    ` ${kind} `,
    h("small", { class: "muted" }, told),
  );
}

/** The designs of the best mean rank. */
export function bestTable({ best, sweeps }, keyOf) {
  if (!best.length) return h("p", { class: "muted" }, "No design is done on all of them.");
  const cell = (one, i) =>
    h(
      "td",
      null,
      h(
        "a",
        { href: designAddress(keyOf.get(one.sweep) ?? one.sweep, one.arch_id) },
        scoreText(sweeps[i].score, one.score),
      ),
      h("small", { class: "muted" }, ` number ${number(one.rank)}`),
    );
  const row = (good) =>
    h(
      "tr",
      null,
      h("td", null, number(good.mean_rank)),
      h("th", { scope: "row", class: "claim" }, good.words),
      good.on.map(cell),
    );
  const heads = [
    "Mean rank",
    "Design",
    ...sweeps.map((one) => h("th", { scope: "col" }, h("bdi", { class: "brief-name", title: one.name }, one.name))),
  ];
  return table("Designs side by side", heads, best.map(row));
}
