// One session as a row of the list: its name, state with progress, score beside its baseline, and age.

import { age, badge, bar, clock, h, number } from "./dom.js";

const KINDS = { run: "Network", sweep: "Sweep" };

/**
 * The row of a session. chosen: whether it is selected; choose: is told when that changes.
 * Gives {row, age}: `age` has its times right again.
 */
export function rowOf(session, chosen, choose) {
  const times = [];
  const time = () => {
    const made = h("time", { title: clock(session.changed) }, age(session.changed));
    times.push(made);
    return made;
  };
  const title = session.title || session.key;
  const tick = h("input", {
    type: "checkbox",
    checked: chosen,
    "aria-label": `Select ${title}`,
    dataset: { held: `tick ${session.key}` },
    onchange: () => choose(tick.checked),
  });
  const link = h(
    "a",
    { href: `/s/${encodeURIComponent(session.key)}`, class: "name", dataset: { held: session.key } },
    title,
  );
  const row = h(
    "tr",
    null,
    h("td", { class: "tick" }, tick),
    h(
      "td",
      { class: "what" },
      link,
      h("div", { class: "small muted" }, about(session)),
      h("div", { class: "narrow" }, state(session), score(session), h("span", { class: "small muted" }, time())),
    ),
    h("td", { class: "wide" }, state(session)),
    h("td", { class: "wide number" }, score(session)),
    h("td", { class: "wide muted nowrap" }, time()),
  );
  return { row, age: () => times.forEach((one) => (one.textContent = age(session.changed))) };
}

/** "Sweep · churn.csv · predicts churn · command line" */
function about({ kind, table, label, by, runner }) {
  const file = (table ?? "").split("/").pop();
  const where = runner && runner !== "local" && runner !== "inline" ? `on ${runner}` : "";
  const parts = [KINDS[kind] ?? kind, file, label && `predicts ${label}`, where, by === "command line" && by];
  return parts.filter(Boolean).join(" · ");
}

function state(session) {
  const { done, of, kind } = session;
  const going = ["running", "stopped", "failed"].includes(session.state) && of;
  const unit = kind === "sweep" ? "designs" : "rounds";
  const known = done !== null && done !== undefined;
  const words = known && of ? `${number(done)} of ${number(of)} ${unit}` : session.reason;
  return h(
    "div",
    { class: "state" },
    badge(session.state),
    going && session.state === "running"
      ? bar(`Progress of ${session.title || session.key}`, Math.min(1, done / of))
      : null,
    h("span", { class: "small muted" }, session.state === "failed" && session.reason ? brief(session.reason) : words),
  );
}

function score({ score: found }) {
  if (!found)
    return h(
      "span",
      { class: "muted" },
      h("span", { "aria-hidden": "true" }, "–"),
      h("span", { class: "unseen" }, "no score yet"),
    );
  const baseline = found.baseline_text && h("div", { class: "small muted" }, `baseline ${found.baseline_text}`);
  return h(
    "div",
    { class: "score" },
    h("strong", null, found.text),
    " ",
    h("span", { class: "small muted" }, found.name),
    baseline,
  );
}

function brief(words) {
  const first = words.split("\n")[0];
  return first.length > 90 ? `${first.slice(0, 90)}…` : first;
}
