// The overview of a sweep: how many designs are done, when it ends, designs as points, the best, those that run, all.

import { count, fill, h, number } from "../dom.js";
import { DesignTable } from "./designs.js";
import { linkTo } from "./words.js";
import { figure, measure, remaining, scoreText, section } from "../session/parts.js";
import { countsBar } from "./counts.js";
import { learning } from "./learning.js";
import { SweepPoints } from "./points.js";

const BEST = 10;
const SOON_MS = 8_000; // between readings of the best designs and of a part of the table
const LATER_MS = 30_000; // of a sweep with many designs, whose events are many, too
const MANY = 2000;

/** The view of a sweep. told: the session; read: has it read again. Gives {node, state, designs, whole, reset, end}. */
export function sweepView(told, read, signal) {
  return new SweepView(told, read, signal);
}

class SweepView {
  constructor(told, read, signal) {
    Object.assign(this, { told, read });
    this.scoreName = told.sweep.score_name ?? "accuracy";
    this.cards = {
      best: figure("Best design"),
      left: figure("Time left"),
      better: figure("Not better than the baseline"),
    };
    this.counts = countsBar();
    this.best = h("div");
    this.running = learning(signal);
    this.table = new DesignTable(told.key, this.scoreName, signal);
    this.points = new SweepPoints(told.key, this.scoreName, told.sweep.baseline, signal);
    const cards = Object.values(this.cards).map((card) => card.node);
    this.failures = h("div");
    this.now = section("Being trained now", this.running.node);
    const halves = [section("Best designs", this.best), this.now];
    this.node = h(
      "div",
      { class: "page" },
      this.counts.node,
      h("div", { class: "columns key-figures" }, cards),
      this.points.node,
      h("div", { class: "halves" }, halves),
      this.failures,
      section("All designs", this.table.node),
    );
    this.whole(told);
    this.state(told);
    this.points.read();
    this.table.load();
  }

  /** Take in the session as the server has it. */
  whole(told) {
    const { best, running, failures } = told.sweep;
    const none = h("p", { class: "muted" }, "No design is done yet.");
    const rows = (best ?? []).slice(0, BEST).map((row, i) => bestRow(told.key, row, i, this.scoreName));
    fill(this.best, rows.length ? rows : none);
    this.running.show(running ?? [], told);
    this.now.hidden = told.state !== "running" && !running?.length;
    const why = failures?.length ? section("Why designs failed", failures.map(failure)) : null;
    fill(this.failures, why);
    this.failures.hidden = !why;
  }

  state(told) {
    this.told = told;
    const counts = told.counts ?? told.sweep.counts ?? {};
    const going = told.state === "running";
    this.counts.show(counts);
    this.showBest(told);
    this.showLeft("eta" in told ? told.eta : told.sweep.eta, told.state);
    const { done = 0, no_better: many = null } = counts;
    this.cards.better.set(number(many), done ? `of ${count(done, "design")} trained` : "");
    if (!going && this.wasGoing) this.settle();
    this.wasGoing = going;
  }

  /** The best score; events have the number alone. */
  showBest({ best_score: newer, score, sweep }) {
    const value = newer ?? sweep.best?.[0]?.score ?? score?.value ?? null;
    const base = sweep.baseline ?? null;
    const words = base === null ? "" : ` · baseline ${scoreText(this.scoreName, base)}`;
    const told = value === null ? "no design is done yet" : measure(this.scoreName) + words;
    this.cards.best.set(scoreText(this.scoreName, value), told);
  }

  showLeft(eta, state) {
    if (state !== "running") this.cards.left.set("–", `the sweep is ${state}`);
    else if (eta) this.cards.left.set(remaining(eta), "if it goes on as so far");
    else this.cards.left.set("…", "known after the first designs");
  }

  /** New designs, in an event. */
  designs({ new: rows = [], more = 0 }) {
    this.points.add(rows, more);
    this.table.stale();
    if (this.due) return;
    const many = (this.told.counts?.designs ?? this.told.of) > MANY;
    this.due = setTimeout(() => this.again(), many ? LATER_MS : SOON_MS);
  }

  again() {
    this.due = 0;
    this.read();
    this.table.reload();
  }

  /** After the end: all as the server has it. */
  settle() {
    if (this.points.missed) this.points.read();
    this.table.reload();
  }

  reset() {
    this.points.clear();
    this.table.reload();
  }

  end() {
    clearTimeout(this.due);
  }
}

function failure({ reason, count: many }) {
  return h(
    "div",
    { class: "failure" },
    h("strong", { class: "number" }, count(many, "design")),
    h("span", null, reason),
  );
}

function bestRow(key, row, i, scoreName) {
  return h(
    "div",
    { class: "best" },
    h("span", { class: "muted number" }, `${i + 1}.`),
    h("span", null, linkTo(key, row)),
    h("strong", { class: "number" }, scoreText(scoreName, row.score)),
    h("span", { class: "small muted wide" }, count(row.parameters ?? 0, "parameter")),
  );
}
