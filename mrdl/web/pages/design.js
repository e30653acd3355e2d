// The page of one design of a sweep: what it is, how it learned, what it mistakes, and why it failed.

import { get, post, session } from "./api.js";
import { confusion } from "./session/confusion.js";
import { curves } from "./figures/curves.js";
import { badge, busy, count, duration, h, number, said, toast } from "./dom.js";
import { layers, stateOf } from "./sweep/words.js";
import { go } from "./address.js";
import { address } from "./session/head.js";
import { readSession } from "./session/read.js";
import { copied, facts, figure, measure, scoreText, section, valueText } from "./session/parts.js";

const SHOWN = new Set(["hidden", "input", "output", "name"]);

export async function show(root, { key, arch, signal }) {
  const [told, design] = await Promise.all([
    readSession(key, { signal }),
    get(session(key, "designs", encodeURIComponent(arch)), { signal }),
  ]);
  const scoreName = told.sweep?.score_name ?? "accuracy";
  const failed = design.reason ? said(`It failed: ${design.reason}`) : null;
  const matrix = confusion(design.confusion);
  root.append(
    head(told, design),
    failed ?? "",
    h("div", { class: "columns key-figures" }, cards(design, scoreName)),
    h("div", { class: "halves" }, curve(design, signal), section("Settings", settings(design))),
  );
  if (matrix)
    root.append(
      section("Confusion matrix", [
        h(
          "p",
          { class: "small muted" },
          "Of the rows kept out: a row for what is so, a column for what the network says.",
        ),
        matrix,
      ]),
    );
  if (design.toml_of_run)
    root.append(section("As settings of a run", copied("Settings of a run as TOML", design.toml_of_run)));
  if (design.log) root.append(section("The last words of its task", copied("Log of the task", design.log)));
}

function head(told, design) {
  const train = h(
    "button",
    { type: "button", class: "main", onclick: () => busy(train, () => trainOnAll(told, design)) },
    "Train this on all data",
  );
  const back = h("a", { href: address(told.key) }, told.title || told.key);
  const about = h(
    "p",
    { class: "about muted" },
    badge(stateOf(design)),
    h("span", null, "of ", back),
    h("code", { class: "small" }, design.arch_id),
  );
  const title = `Design ${layers(design.hidden)}`;
  return h(
    "header",
    { class: "page-head" },
    h("div", { class: "stack tight" }, h("h1", { class: "name" }, title), about),
    design.toml_of_run ? h("div", null, train) : null,
  );
}

async function trainOnAll(told, design) {
  const title = `${told.title || told.key}: ${layers(design.hidden)}`.slice(0, 200);
  try {
    const { key } = await post("/api/sessions", { kind: "run", table: told.table, toml: design.toml_of_run, title });
    await go(address(key));
  } catch (error) {
    toast(error.message, "error");
  }
}

function cards(design, scoreName) {
  const score = figure(measure(scoreName).replace(/^./, (first) => first.toUpperCase()));
  const base = design.baseline ?? null;
  const words = design.collapsed
    ? "it says one class alone"
    : design.no_better
      ? "not shown to be better than the baseline"
      : "";
  score.set(
    scoreText(scoreName, design.score ?? design.accuracy ?? design.r2),
    [base === null ? "" : `baseline ${scoreText(scoreName, base)}`, words].filter(Boolean).join(" · "),
  );
  const size = figure("Parameters");
  size.set(number(design.parameters ?? null), design.depth === undefined ? "" : count(design.depth, "hidden layer"));
  const loss = figure("Loss on rows kept out");
  loss.set(number(design.loss ?? null), "");
  const took = figure("Training took");
  const many = design.together > 1 ? `with ${design.together - 1} others at once` : "";
  took.set(duration(design.wall_s), [many, design.device].filter(Boolean).join(" · "));
  return [score, size, loss, took].map((one) => one.node);
}

function curve(design, signal) {
  const values = design.curve ?? [];
  if (!values.length) return section("Learning curve", h("p", { class: "muted" }, noCurve(design)));
  const epochs = design.trained_epochs ?? design.epochs ?? values.length;
  const x = values.map((_, i) =>
    values.length === epochs ? i + 1 : Number((((i + 1) * epochs) / values.length).toFixed(1)),
  );
  const made = curves({ title: "Learning curve", x: "epoch", y: "training loss", whole: true }, signal);
  made.draw([{ name: "training loss", x, y: values, colour: "--curve-1" }], {
    words: `from ${number(values[0])} to ${number(values.at(-1))}`,
  });
  return section("Learning curve", made.node, made.buttons);
}

function noCurve({ state }) {
  if (state === "planned") return "It is not trained yet.";
  return state === "running" ? "It is being trained; no epoch is over yet." : "No epoch was finished.";
}

/** What decides: the design's spec, which is JSON, and what it was trained by. */
function settings(design) {
  const spec = parsed(design.spec) ?? design;
  const names = Object.keys(spec).filter(
    (name) => !SHOWN.has(name) && !["curve", "confusion", "log", "toml_of_run", "spec"].includes(name),
  );
  const of = (names) => names.map((name) => [measure(name), valueText(spec[name])]);
  const versions = Object.entries(design.versions ?? {})
    .map(([name, version]) => `${name} ${version}`)
    .join(", ");
  return facts([
    ["hidden layers", layers(design.hidden)],
    ...of(names),
    ["trained by", [design.backend, versions].filter(Boolean).join(" · ")],
    ["attempts", design.attempts],
  ]);
}

function parsed(spec) {
  if (spec && typeof spec === "object") return spec;
  try {
    const found = JSON.parse(spec);
    return found && typeof found === "object" && !Array.isArray(found) ? found : null;
  } catch {
    return null;
  }
}
