// How alike sweeps rank designs: for each two the rank correlation with its interval, and their scores as points.

import { count, h, number } from "../dom.js";
import { curves } from "../figures/curves.js";

const MOST = 2000; // points of a figure
const DRAWN = 6; // pairs that have a figure; of more the intervals say enough

/** The pairs. found: the answer of the server. */
export function alike(found, signal) {
  const rows = found.pairs.map((pair) => interval(pair));
  const scale = h(
    "div",
    { class: "pair scale small muted", "aria-hidden": "true" },
    h("span"),
    h(
      "div",
      { class: "ends" },
      ["−1", "0", "1"].map((end) => h("span", null, end)),
    ),
    h("span"),
  );
  const drawn = found.pairs.filter((pair) => pair.points?.x?.length > 1).slice(0, DRAWN);
  const figures = drawn.map((pair) => points(pair, found, signal));
  return [h("div", { class: "pairs" }, rows, scale), figures.length ? h("div", { class: "halves" }, figures) : null];
}

/** A line from -1 to 1 with the interval on it, and its words. */
function interval({ sweeps, spearman, low, high, shared, words }) {
  const at = (value) => `${50 * (value + 1)}%`;
  const known = spearman !== null;
  const ends = low !== null && high !== null;
  const track = h(
    "div",
    { class: "track", role: "img", "aria-label": words },
    h("i", { class: "middle" }),
    ends ? h("i", { class: "ends", style: { left: at(low), width: `${50 * (high - low)}%` } }) : null,
    known ? h("i", { class: "dot", style: { left: at(spearman) } }) : null,
  );
  const told = known
    ? `${number(spearman, 2)}${ends ? ` (${number(low, 2)} to ${number(high, 2)})` : ""}`
    : "not known";
  return h(
    "div",
    { class: "pair" },
    h("span", null, h("bdi", null, sweeps[0]), " and ", h("bdi", null, sweeps[1])),
    track,
    h("span", { class: "number" }, told, h("small", { class: "muted" }, ` ${count(shared, "design")}`)),
  );
}

function points({ sweeps, points: { x, y } }, found, signal) {
  const named = (name) => `${found.sweeps.find((one) => one.name === name)?.score_name ?? "score"} on ${name}`;
  const [across, up] = sweeps.map(named);
  const step = Math.ceil(x.length / MOST);
  const some = (values) => values.filter((_, i) => i % step === 0);
  const made = curves({ title: `${across} and ${up}`, x: brief(across), y: brief(up) }, signal);
  made.draw(
    [{ name: "", x: some(x), y: some(y), colour: "--curve-1", marks: "circle", size: 5, quiet: true, opacity: 0.6 }],
    {
      words: "a point a design",
    },
  );
  return h(
    "div",
    { class: "stack tight" },
    h(
      "div",
      { class: "line" },
      h("h3", null, h("bdi", null, sweeps[0]), " and ", h("bdi", null, sweeps[1])),
      h("span", { class: "line end" }, made.buttons),
    ),
    made.node,
  );
}

function brief(name) {
  return name.length > 40 ? `${name.slice(0, 39)}…` : name;
}
