// Learning curves of the designs that are trained just now, as small lines: many figures of plotly would be slow.

import { count, fill, h, number } from "../dom.js";
import { layers, linkTo } from "./words.js";

const MOST = 8;
const WIDTH = 160;
const HEIGHT = 36;

/** The list of designs that run. Gives {node, show(running, told)}. */
export function learning() {
  const node = h("div", { class: "stack tight" });
  const show = (running, told) => {
    const key = JSON.stringify([running, told.state]);
    if (node.dataset.of === key) return;
    node.dataset.of = key;
    if (!running.length) {
      fill(
        node,
        h(
          "p",
          { class: "muted" },
          told.state === "running" ? "The next designs are about to begin." : "No design is being trained.",
        ),
      );
      return;
    }
    const more =
      running.length > MOST ? h("p", { class: "small muted" }, `and ${count(running.length - MOST, "other")}`) : null;
    fill(
      node,
      running.slice(0, MOST).map((one) => row(told.key, one)),
      more,
    );
  };
  return { node, show };
}

function row(key, one) {
  const known = (one.curve ?? []).filter(Number.isFinite);
  const last = known.at(-1);
  const words = known.length ? `loss ${number(last, 3)} after ${count(known.length, "epoch")}` : "no epoch is over yet";
  return h(
    "div",
    { class: "learning" },
    linkTo(key, one, layers(one.hidden)),
    spark(known, `Training loss: ${words}`),
    h("span", { class: "small muted number" }, words),
  );
}

/** A line of numbers, without axes. */
export function spark(values, label) {
  const svg = h("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    width: WIDTH,
    height: HEIGHT,
    role: "img",
    "aria-label": label,
    class: "spark",
  });
  if (values.length < 2) return svg;
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const x = (i) => (2 + (i * (WIDTH - 6)) / (values.length - 1)).toFixed(1);
  const y = (value) => (HEIGHT - 4 - ((value - low) / (high - low || 1)) * (HEIGHT - 8)).toFixed(1);
  svg.append(h("polyline", { points: values.map((value, i) => `${x(i)},${y(value)}`).join(" ") }));
  svg.append(h("circle", { cx: x(values.length - 1), cy: y(values.at(-1)), r: 3 }));
  return svg;
}
