// The overview of a run: round by round its losses and scores, the round that is kept, and the rounds as a table.

import { bar, duration, fill, h, number, table } from "../dom.js";
import { curves } from "../figures/curves.js";
import { figure, measure, scoreText, section } from "./parts.js";

const OF_ROWS = new Set(["rows", "baseline", "baseline_rmse"]); // of the rows kept out, not of the network
const SHARES = ["accuracy", "balanced_accuracy", "auc"]; // measures of classes that are drawn
const COLOURS = ["--curve-1", "--curve-4", "--curve-3"];

/** The view of a run. told: the session; read: has it read again. Gives {node, state, round, whole, reset}. */
export function runView(told, read, signal) {
  return new RunView(told, read, signal);
}

class RunView {
  constructor(told, read, signal) {
    this.read = read;
    this.told = told;
    this.known = new Map(); // round -> its event
    this.progress = h("div");
    this.cards = {
      rounds: figure("Rounds", this.progress),
      score: figure("Score on rows kept out"),
      loss: figure("Training loss"),
      pace: figure("A round takes"),
    };
    this.losses = curves({ title: "Losses by round", x: "round", y: "loss", whole: true }, signal);
    this.scores = curves({ title: "Scores by round", x: "round", y: "", whole: true }, signal);
    this.figures = h("div", { class: "stack" });
    this.rounds = h("div");
    this.node = h(
      "div",
      { class: "page" },
      h(
        "div",
        { class: "columns key-figures" },
        Object.values(this.cards).map((card) => card.node),
      ),
      this.figures,
    );
    this.whole(told);
  }

  /** Take in the session as the server has it. */
  whole(told) {
    this.told = told;
    for (const round of told.run?.rounds ?? []) this.known.set(round.round, round);
    this.show();
  }

  round(event) {
    this.known.set(event.round, event);
    this.show();
  }

  reset() {
    this.known.clear();
  }

  state(told) {
    this.told = told;
    this.showCards();
    const due = told.done > this.list().length && told.done !== this.asked;
    if (due) this.read();
    this.asked = told.done; // a run that was begun from another knows fewer rounds than it counts: ask once
  }

  list() {
    return [...this.known.values()].sort((a, b) => a.round - b.round);
  }

  show() {
    this.showCards();
    const rounds = this.list();
    if (!rounds.length) {
      fill(this.figures, section("Rounds", h("p", { class: "muted" }, noRounds(this.told.state))));
      return;
    }
    if (!this.losses.node.isConnected) {
      const scored = rounds.some((one) => measures(one).length);
      const two = [
        section("Losses", this.losses.node, this.losses.buttons),
        scored ? section("Scores on rows kept out", this.scores.node, this.scores.buttons) : null,
      ];
      const list = h(
        "details",
        { class: "card" },
        h("summary", null, "All rounds as a table"),
        h("div", { class: "inside" }, this.rounds),
      );
      fill(this.figures, h("div", { class: "halves" }, two), list);
    }
    this.drawLosses(rounds);
    this.drawScores(rounds);
    fill(this.rounds, tableOf(rounds, this.kept()));
  }

  kept() {
    return this.told.run?.kept ?? null;
  }

  showCards() {
    const { done = 0, of, state, score } = this.told;
    const rounds = this.list();
    const last = rounds.at(-1);
    this.cards.rounds.set(
      of ? `${number(done)} of ${number(of)}` : number(done),
      this.kept() === null ? "" : `round ${this.kept()} is kept`,
    );
    fill(
      this.progress,
      of
        ? bar("Rounds done", Math.min(1, done / of), [[Math.min(1, done / of), state === "running" ? "" : "done"]])
        : null,
    );
    this.cards.score.set(score ? scoreText(score.name, score.value) : "–", scoreWords(score));
    this.cards.loss.set(
      last ? number(last.training_loss) : "–",
      last ? `round ${last.round}, ${number(last.rows)} rows` : "",
    );
    const takes = rounds.map((one) => one.seconds).sort((a, b) => a - b);
    const left =
      state === "running" && of > done && takes.length
        ? `about ${duration(Math.ceil((of - done) * takes[takes.length >> 1]))} to go`
        : "";
    this.cards.pace.set(takes.length ? duration(takes[takes.length >> 1]) : "–", left);
  }

  drawLosses(rounds) {
    const x = rounds.map((one) => one.round);
    const shards = Math.max(...rounds.map((one) => one.losses?.length ?? 0));
    const thin = Array.from({ length: Math.min(shards, 40) }, (_, shard) => ({
      name: `shard ${shard}`,
      x,
      y: rounds.map((one) => one.losses?.[shard] ?? null),
      colour: "--curve-1",
      width: 1,
      opacity: 0.3,
      quiet: true,
    }));
    const mean = { name: "training", x, y: rounds.map((one) => one.training_loss), colour: "--curve-1" };
    const kept = rounds.some((one) => one.validation?.loss !== undefined)
      ? [{ name: "rows kept out", x, y: rounds.map((one) => one.validation?.loss ?? null), colour: "--curve-2" }]
      : [];
    const words = `the training loss is ${number(mean.y[0])} at first and ${number(mean.y.at(-1))} at last`;
    this.losses.draw([...(shards > 1 ? thin : []), mean, ...kept], { words });
  }

  drawScores(rounds) {
    const names = chosen(rounds);
    if (!names.length) return;
    const x = rounds.map((one) => one.round);
    const series = names.map((name, i) => ({
      name: measure(name),
      x,
      y: rounds.map((one) => one.validation?.[name] ?? null),
      colour: COLOURS[i],
    }));
    const best = rounds.find((one) => one.round === this.kept());
    if (best)
      series.push({
        name: "round kept",
        x: [best.round],
        y: [best.validation?.[names[0]] ?? null],
        colour: "--curve-1",
        marks: "diamond",
      });
    this.scores.draw(series, {
      lines: baseline(rounds, names[0]),
      share: SHARES.includes(names[0]),
      words: `${measure(names[0])} is ${scoreText(names[0], series[0].y.at(-1))} at last`,
    });
  }
}

/** The line of the baseline, where it is not so far below that the curves would lie flat on each other. */
function baseline(rounds, name) {
  const base = rounds[0].validation?.baseline;
  if (name !== "accuracy" || base === undefined) return [];
  const known = rounds.map((one) => one.validation?.[name]).filter(Number.isFinite);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  return low - base > 2 * (high - low) + 0.1 ? [] : [{ y: base, name: `baseline ${scoreText(name, base)}` }];
}

function measures(round) {
  return Object.keys(round.validation ?? {}).filter((name) => !OF_ROWS.has(name) && name !== "loss");
}

/** The measures that a figure has room for, all of one kind: shares of 0..1, or R², or an error. */
function chosen(rounds) {
  const all = measures(rounds.at(-1));
  const shares = SHARES.filter((name) => all.includes(name));
  return shares.length ? shares : [["r2", "rmse"].find((name) => all.includes(name)) ?? all[0]].filter(Boolean);
}

/** A score with what knowing nothing would reach: a few words, or the sentences that the command line says. */
function scoreWords(score) {
  if (!score) return "known after the first round";
  const [text, base] = [score.text ?? "", score.baseline_text ?? ""];
  if (text.length > 16 || base.startsWith("always"))
    return [text.length > 16 ? text : measure(score.name), base].filter(Boolean).join("; ");
  return [measure(score.name), base && `baseline ${base}`].filter(Boolean).join(" · ");
}

function noRounds(state) {
  if (state === "running")
    return "The first round is under way: the table is read and shared out before it, which is done once.";
  if (state === "waiting") return "Nothing is trained yet. Rounds appear here when it begins.";
  return "No round was finished. The log below says how far it came.";
}

function tableOf(rounds, kept) {
  const names = measures(rounds.at(-1));
  const staged = rounds.some((one) => one.stage);
  const heads = ["Round", ...(staged ? ["Stage"] : []), "Training loss", ...names.map(measure), "Rows", "Seconds"];
  const rows = rounds.map((one) =>
    h(
      "tr",
      null,
      h("th", { scope: "row" }, one.round, one.round === kept ? h("span", { class: "tag" }, "kept") : null),
      staged ? h("td", null, one.stage) : null,
      [
        number(one.training_loss),
        ...names.map((name) => scoreText(name, one.validation?.[name])),
        number(one.rows),
        number(one.seconds, 3),
      ].map((text) => h("td", { class: "right" }, text)),
    ),
  );
  const headed = heads.map((name, i) => h("th", { scope: "col", class: i > (staged ? 1 : 0) ? "right" : "" }, name));
  return table("Rounds", headed, rows);
}
