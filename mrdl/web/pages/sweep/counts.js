// How many designs of a sweep are done, collapsed, failed, run, and are yet to come: a bar of their colours, and words.

import { count, fill, h, number } from "../dom.js";

const STATES = ["done", "collapsed", "failed", "running", "planned"];
const FINISHED = ["done", "collapsed", "failed"]; // told where there are none, too

/** The bar. Gives {node, show(counts)}. */
export function countsBar() {
  const node = h("section", { class: "card stack tight counts", "aria-label": "Designs by state" });
  const show = (told) => {
    const counts = { ...told, done: (told.done ?? 0) - (told.collapsed ?? 0) }; // what collapsed was trained, too
    const json = JSON.stringify(counts);
    if (node.dataset.of === json) return;
    node.dataset.of = json;
    fill(node, line(counts), bar(counts), legend(counts));
  };
  return { node, show };
}

/** The designs that are over, well or not. */
export function over(counts) {
  return FINISHED.reduce((sum, name) => sum + (counts[name] ?? 0), 0);
}

function line(counts) {
  const all = counts.designs ?? 0;
  const share = all ? Math.floor((1000 * over(counts)) / all) / 10 : 0;
  const words = `${number(over(counts))} of ${count(all, "design")}`;
  return h(
    "div",
    { class: "line" },
    h("strong", { class: "number large" }, words),
    h("span", { class: "muted number" }, `${share} %`),
  );
}

function bar(counts) {
  const all = counts.designs || 1;
  const shown = STATES.filter((name) => counts[name] && name !== "planned");
  const now = {
    "aria-valuemin": 0,
    "aria-valuemax": 100,
    "aria-valuenow": Math.round((100 * over(counts)) / all),
    "aria-valuetext": STATES.map((name) => `${number(counts[name] ?? 0)} ${name}`).join(", "),
  };
  const parts = shown.map((name) => h("i", { class: name, style: { width: `${(100 * counts[name]) / all}%` } }));
  return h("div", { class: "bar tall", role: "progressbar", "aria-label": "Designs", ...now }, parts);
}

function legend(counts) {
  const shown = STATES.filter((name) => counts[name] || FINISHED.includes(name));
  const one = (name) =>
    h("span", { class: `badge ${name}` }, h("span", { class: "number" }, number(counts[name] ?? 0)), ` ${name}`);
  return h("div", { class: "line legend" }, shown.map(one));
}
