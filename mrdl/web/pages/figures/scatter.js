// The designs of a sweep as points on a canvas: 50,000 at once in a blink, and new ones one by one as they come.

import { fill, h } from "../dom.js";
import { colour, onScheme, saveButtons } from "./curves.js";
import { axes, drawAxes } from "./scatter_axes.js";
import { ROOM, scale, scoreRange } from "./scatter_scale.js";
import { Points, STATES } from "./scatter_points.js";
import { canvasFile, svgFile } from "./scatter_file.js";

const HEIGHT = 420;
const NEAR = 14; // pixels from a point to the mouse
const REDRAW_MS = 3000; // between drawings of all points, which new ones can make due

/**
 * The figure. bounded: whether scores lie in 0..1; scoreName: of the y axis; open(position): on a click;
 * told(position): words on a design, a promise. Gives an object with `node`, `buttons`, `set`, `add`, `axis`.
 */
export class Scatter {
  constructor({ bounded, scoreName, baseline, open, told }, signal) {
    Object.assign(this, { bounded, scoreName, baseline, open, told });
    this.points = new Points();
    this.x = "parameters";
    this.hidden = new Set();
    this.canvas = h("canvas", { role: "img", "aria-label": "Designs as points" });
    this.ring = h("span", { class: "ring", hidden: true });
    this.tip = h("div", { class: "tip", hidden: true });
    this.node = h("div", { class: "scatter", style: { height: `${HEIGHT}px` } }, this.canvas, this.ring, this.tip);
    this.node.addEventListener("pointermove", (event) => this.hover(event));
    this.node.addEventListener("pointerleave", () => this.point(null));
    this.node.addEventListener("click", (event) => this.hover(event) && this.open(this.points.position[this.near]));
    this.watch = new ResizeObserver(() => this.draw());
    this.watch.observe(this.node);
    signal.addEventListener("abort", () => (this.watch.disconnect(), clearTimeout(this.due)));
    onScheme(() => this.draw(), signal);
    this.buttons = saveButtons(
      "designs",
      (format) => () => (format === "png" ? canvasFile(this.canvas, colour("--raised")) : svgFile(this, HEIGHT)),
    );
  }

  /** Have all points: {position, score, state} and one of parameters and depth, arrays. */
  set({ position, score, state, x }) {
    const by = this.x;
    for (let i = 0; i < position.length; i++)
      this.points.put([
        position[i],
        by === "parameters" && x[i] >= 0 ? x[i] : null,
        by === "depth" ? x[i] : null,
        score[i],
        state[i],
      ]);
    this.draw();
  }

  /** Draw new points over those that are there; all again only where they lie outside, and not at once. */
  add(rows) {
    let outside = !this.drawn;
    for (const row of rows) {
      const [i, isNew] = this.points.put(row);
      if (!isNew || outside || !this.isInside(i)) outside = true;
      else this.dot(this.context, i, this.size());
    }
    this.name();
    if (outside && !this.due) this.due = setTimeout(() => this.draw(), this.drawn ? REDRAW_MS : 0);
  }

  /** Show by another number; points that lack it are asked for by `set`. */
  axis(name) {
    this.x = name;
    this.draw();
  }

  /** Show a state's points or not. */
  toggle(state, shown) {
    if (shown) this.hidden.delete(state);
    else this.hidden.add(state);
    this.draw();
  }

  draw() {
    clearTimeout(this.due);
    this.due = 0;
    const width = this.node.clientWidth;
    if (!width) return;
    const ratio = window.devicePixelRatio || 1;
    Object.assign(this.canvas, { width: width * ratio, height: HEIGHT * ratio });
    this.context = this.canvas.getContext("2d");
    this.context.scale(ratio, ratio);
    this.lay(width);
    this.colours = STATES.map((state) => colour(`--${state}`));
    drawAxes(this.context, this.axes());
    const size = this.size();
    for (const state of [0, 1, 2])
      for (let i = 0; i < this.points.state.length; i++)
        if (this.points.state[i] === state) this.dot(this.context, i, size);
    this.drawn = this.points.state.length > 0;
    this.name();
    this.point(null);
  }

  /** Make the scales. */
  lay(width) {
    const values = this.points[this.x];
    let [low, high] = [Infinity, -Infinity];
    for (const value of values) if (value !== null) [low, high] = [Math.min(low, value), Math.max(high, value)];
    if (low > high) [low, high] = this.x === "depth" ? [1, 5] : [100, 10_000];
    const log = this.x === "parameters" && low > 0;
    [low, high] = log ? [low / 1.15, high * 1.15] : [low - 0.6, high + 0.6];
    this.failed = this.points.state.includes(2) || this.points.score.some(Number.isNaN);
    const foot = HEIGHT - ROOM.bottom;
    this.foot = foot - (this.failed ? ROOM.strip : 0);
    this.xs = scale(low, high, ROOM.left, width - ROOM.right, log);
    this.ys = scale(
      ...scoreRange(Float64Array.from(this.points.score), this.bounded, this.baseline),
      this.foot,
      ROOM.top,
    );
  }

  /** Where a point is, in pixels; of equal depths each has a place of its own. */
  place(i) {
    const { score, position, state } = this.points;
    const value = this.points[this.x][i];
    if (this.hidden.has(state[i])) return null;
    if (value === null || value === undefined) return Number.isNaN(score[i]) ? [ROOM.left + 5, this.strip()] : null;
    const beside = this.x === "depth" ? (((position[i] * 2654435761) % 4096) / 4096 - 0.5) * 0.7 : 0;
    const x = this.xs.at(value + beside);
    if (Number.isNaN(score[i])) return [x, this.strip()];
    return [x, Math.min(this.foot, Math.max(ROOM.top, this.ys.at(score[i])))];
  }

  /** Where the strip of what failed is; a design that failed before its size was known is at its beginning. */
  strip() {
    return HEIGHT - ROOM.bottom - ROOM.strip / 2 + 2;
  }

  isInside(i) {
    const value = this.points[this.x][i];
    const score = this.points.score[i];
    if (Number.isNaN(score)) return this.failed;
    return (
      value >= this.xs.low && value <= this.xs.high && score <= this.ys.high && (score >= this.ys.low || !this.bounded)
    );
  }

  /** Half a point's side, and how much shines through it. */
  size() {
    const many = this.points.state.length;
    return many < 300 ? [4, 0.8] : many < 3000 ? [3, 0.6] : many < 15_000 ? [2, 0.5] : [1.4, 0.4];
  }

  dot(context, i, [half, alpha]) {
    const place = this.place(i);
    if (!place) return;
    context.globalAlpha = this.points.state[i] ? Math.min(1, alpha * 1.6) : alpha;
    context.fillStyle = this.colours[this.points.state[i]];
    if (half >= 3) {
      context.beginPath();
      context.arc(place[0], place[1], half, 0, 7);
      context.fill();
    } else context.fillRect(place[0] - half, place[1] - half, 2 * half, 2 * half);
    context.globalAlpha = 1;
  }

  /** The lines and words of the axes, as scatter_axes.js has them. */
  axes() {
    return axes(this, this.node.clientWidth, HEIGHT);
  }

  /** Say to those who do not see what is drawn. */
  name() {
    const many = STATES.map((state, i) => `${this.points.state.filter((one) => one === i).length} ${state}`).join(", ");
    this.canvas.setAttribute(
      "aria-label",
      `Designs as points, ${this.scoreName} by ${this.x}: ${many}. The table below has the same.`,
    );
  }

  /** Find the point below the mouse; gives whether there is one. */
  hover(event) {
    const box = this.node.getBoundingClientRect();
    const [mx, my] = [event.clientX - box.left, event.clientY - box.top];
    let [best, found] = [NEAR ** 2, null];
    for (let i = 0; i < this.points.state.length && this.xs; i++) {
      const place = this.place(i);
      if (!place) continue;
      const away = (place[0] - mx) ** 2 + (place[1] - my) ** 2;
      if (away < best) [best, found] = [away, i];
    }
    this.point(found);
    return found !== null;
  }

  /** Mark a point and tell its design. */
  point(i) {
    if (i === this.near && i !== null) return;
    this.near = i;
    clearTimeout(this.asking);
    for (const part of [this.ring, this.tip]) part.hidden = i === null;
    this.node.style.cursor = i === null ? "" : "pointer";
    if (i === null) return;
    const [x, y] = this.place(i);
    Object.assign(this.ring.style, { left: `${x}px`, top: `${y}px` });
    const left = x > this.node.clientWidth / 2;
    Object.assign(this.tip.style, {
      top: `${y}px`,
      left: left ? "" : `${x + 14}px`,
      right: left ? `${this.node.clientWidth - x + 14}px` : "",
    });
    fill(this.tip, this.brief(i));
    this.asking = setTimeout(async () => {
      const words = await this.told(this.points.position[i]).catch(() => null);
      if (this.near === i && words) fill(this.tip, words);
    }, 200);
  }

  brief(i) {
    const { score, state } = this.points;
    const shown = Number.isNaN(score[i])
      ? "no score"
      : this.bounded
        ? `${(100 * score[i]).toFixed(2)} %`
        : score[i].toPrecision(4);
    return `${STATES[state[i]]} · ${shown}`;
  }
}
