// The axes of the points of a sweep: which lines and words, and drawing them on a canvas.

import { colour } from "./curves.js";
import { ROOM, short, ticks } from "./scatter_scale.js";

/**
 * The lines and words of the axes: ["line", x0, y0, x1, y1, colour, dash] and ["text", words, x, y, align].
 * figure: {x: "parameters" or "depth", xs, ys: its scales, bounded, failed, baseline}; width, height: in pixels.
 */
export function axes({ x: by, xs, ys, bounded, failed, baseline }, width, height) {
  const [right, bottom] = [width - ROOM.right, height - ROOM.bottom];
  const shown = (value) => (bounded ? `${Number((100 * value).toPrecision(4))} %` : short(value));
  const parts = [];
  for (const value of ticks(ys, 6)) {
    const y = Math.round(ys.at(value)) + 0.5;
    parts.push(["line", ROOM.left, y, right, y, "--line"], ["text", shown(value), ROOM.left - 8, y, "right"]);
  }
  const layers = by === "depth";
  const values = layers ? ticks(xs, Math.min(12, width / 50)).filter(Number.isInteger) : ticks(xs, width / 70);
  for (const value of values) parts.push(["text", short(value), xs.at(value), bottom + 14, "center"]);
  parts.push(["line", ROOM.left, bottom + 0.5, right, bottom + 0.5, "--edge"]);
  parts.push(["text", layers ? "layers" : "parameters", (ROOM.left + right) / 2, bottom + 34, "center"]);
  if (failed) parts.push(["text", "failed", ROOM.left - 8, bottom - ROOM.strip / 2 + 2, "right"]);
  if (baseline !== null && baseline !== undefined) {
    const y = Math.round(ys.at(baseline)) + 0.5;
    parts.push(["line", ROOM.left, y, right, y, "--muted", [4, 4]], ["text", "baseline", right, y - 8, "right"]);
  }
  return parts;
}

/** Draw lines and words on a canvas. */
export function drawAxes(context, parts) {
  const font = `12px ${getComputedStyle(document.body).fontFamily}`;
  for (const [kind, ...rest] of parts) {
    if (kind === "line") drawLine(context, rest);
    else {
      const [words, x, y, textAlign] = rest;
      Object.assign(context, { fillStyle: colour("--muted"), font, textAlign, textBaseline: "middle" });
      context.fillText(words, x, y);
    }
  }
  context.setLineDash([]);
}

function drawLine(context, [x0, y0, x1, y1, name, dash]) {
  context.strokeStyle = colour(name);
  context.setLineDash(dash ?? []);
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
}
