// The designs of a sweep as points: read at first, then one by one as they come, and told and opened by the mouse.

import { get, query, session } from "../api.js";
import { count, fill, h } from "../dom.js";
import { designAddress, designName } from "./words.js";
import { go } from "../address.js";
import { Scatter } from "../figures/scatter.js";
import { STATES } from "../figures/scatter_points.js";
import { measure, scoreText, section } from "../session/parts.js";

/** The section of the points. Gives `node`; `read` asks for all, `add` takes those of an event, `clear` forgets all. */
export class SweepPoints {
  constructor(key, scoreName, baseline, signal) {
    Object.assign(this, { key, scoreName, signal, missed: 0 });
    this.scatter = new Scatter(
      {
        bounded: scoreName === "accuracy",
        scoreName: measure(scoreName),
        baseline,
        open: (position) => this.open(position),
        told: (position) => this.words(position),
      },
      signal,
    );
    this.note = h("p", { class: "small muted" }, "Reading the designs…");
    this.node = section("Designs as points", [this.choices(), this.scatter.node, this.note], this.scatter.buttons);
  }

  add(rows, more) {
    this.scatter.add(rows);
    this.missed += more;
    this.tell();
  }

  clear() {
    this.scatter.points.clear();
    return this.read();
  }

  async read() {
    try {
      const x = this.scatter.x;
      const told = await get(query(session(this.key, "points"), { x }), { signal: this.signal });
      if (x !== this.scatter.x) return;
      this.missed = 0;
      this.scatter.set(told);
      this.tell();
    } catch (error) {
      if (error.name !== "AbortError") fill(this.note, error.message);
    }
  }

  choices() {
    const axis = h(
      "select",
      { class: "slim", onchange: () => (this.scatter.axis(axis.value), this.read()) },
      h("option", { value: "parameters" }, "parameters"),
      h("option", { value: "depth" }, "layers"),
    );
    const states = STATES.map((name, i) => {
      const box = h("input", { type: "checkbox", checked: true, onchange: () => this.scatter.toggle(i, box.checked) });
      return h("label", { class: "check" }, box, h("span", { class: `badge ${name}` }, name));
    });
    const by = h("label", { class: "check" }, `${measure(this.scoreName)} by`, axis);
    return h("div", { class: "line" }, by, h("span", { class: "line end" }, states));
  }

  tell() {
    const many = this.scatter.points.state.length;
    if (!many) fill(this.note, "Each design is a point as soon as it is trained.");
    else if (!this.missed)
      fill(
        this.note,
        `Point at one of the ${count(many, "design")} to see it, click to open it. The table has the same.`,
      );
    else {
      const all = h("button", { type: "button", class: "quiet slim", onclick: () => this.read() }, "Draw all");
      fill(this.note, `${count(this.missed, "newer design")} came too fast to be drawn one by one. `, all);
    }
  }

  /** The row of the design at a position. */
  async row(position) {
    const wanted = { sort: "position", order: "asc", offset: position, limit: 1 };
    const { rows } = await get(query(session(this.key, "designs"), wanted), { signal: this.signal });
    return rows[0]?.position === position ? rows[0] : null;
  }

  async open(position) {
    const row = await this.row(position);
    if (row) go(designAddress(this.key, row.arch_id));
  }

  /** A design in words, for who points at it. */
  async words(position) {
    const row = await this.row(position);
    if (!row) return null;
    const score = `${scoreText(this.scoreName, row.score)} · ${count(row.parameters ?? 0, "parameter")}`;
    const lines = [designName(row), score, row.reason].filter(Boolean);
    return lines.map((line, i) => h("div", { class: i ? "" : "strong" }, line));
  }
}
