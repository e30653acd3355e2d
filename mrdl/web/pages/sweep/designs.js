// The table of a sweep's designs: the server sorts, finds and pages, so that 50,000 are as quick as five.

import { get, query, session } from "../api.js";
import { badge, busy, count, field, fill, h, number, said } from "../dom.js";
import { layers, linkTo, stateOf } from "./words.js";
import { measure, scoreText } from "../session/parts.js";

const AT_ONCE = 25;
const TITLES = {
  arch_id: "Design",
  position: "No.",
  state: "State",
  hidden: "Hidden layers",
  depth: "Layers",
  parameters: "Parameters",
  activation: "Activation",
  optimizer: "Optimizer",
  learning_rate: "Learning rate",
  epochs: "Epochs",
  seed: "Seed",
  score: "Score",
  loss: "Loss",
  wall_s: "Seconds",
  reason: "Why it failed",
};
const FIRST = ["position", "arch_id", "score", "state", "parameters", "depth", "hidden"];
const NEVER = new Set(["collapsed", "hidden", "reason"]);
const STATES = ["done", "collapsed", "failed", "running", "planned"];
const FALLS = new Set(["score", "parameters", "depth", "wall_s"]); // the largest is looked for first

/** The table, `node`. `load` asks the server; `stale` says that more is there; `reload` asks in the background. */
export class DesignTable {
  constructor(key, scoreName, signal) {
    Object.assign(this, { key, scoreName, signal, asked: 0 });
    this.wanted = { sort: "score", order: "desc", state: "", search: "" };
    this.offset = 0;
    this.head = h("tr");
    this.body = h("tbody");
    this.fault = h("div");
    this.total = h("span", { class: "muted number", role: "status" });
    this.newer = h("span", { class: "small muted" });
    this.pages = this.paging();
    const box = h(
      "div",
      { class: "scroll", tabindex: 0, role: "region", "aria-label": "Designs" },
      h("table", { class: "designs" }, h("thead", null, this.head), this.body),
    );
    const foot = h(
      "div",
      { class: "line" },
      this.total,
      this.newer,
      h("span", { class: "line end" }, Object.values(this.pages)),
    );
    this.node = h("div", { class: "stack" }, this.controls(), this.fault, box, foot);
  }

  /** Ask the server for the part that is shown. */
  async load() {
    this.asked += 1;
    const asked = this.asked;
    try {
      const told = await get(
        query(session(this.key, "designs"), { ...this.wanted, offset: this.offset, limit: AT_ONCE }),
        { signal: this.signal },
      );
      if (asked !== this.asked) return;
      fill(this.fault);
      fill(this.newer);
      if (!told.rows.length && this.offset)
        return this.turn(Math.max(0, Math.ceil(told.total / AT_ONCE) - 1) * AT_ONCE);
      this.show(told);
    } catch (error) {
      if (error.name !== "AbortError" && asked === this.asked) fill(this.fault, said(error.message));
    }
  }

  stale() {
    if (!this.newer.firstChild) fill(this.newer, "newer ones are on the way");
  }

  /** Ask again, unless somebody reads by the keyboard in it just now. */
  reload() {
    if (!this.body.contains(document.activeElement)) this.load();
  }

  show({ total, rows, columns }) {
    this.all = total;
    const names = [...FIRST, ...(columns ?? []).filter((name) => !FIRST.includes(name) && !NEVER.has(name))];
    this.showHeads(names);
    const none =
      this.wanted.state || this.wanted.search
        ? "No design is like that."
        : "The designs are not laid out yet: they are when the sweep begins.";
    fill(
      this.body,
      rows.length
        ? rows.map((row) => this.row(names, row))
        : h("tr", null, h("td", { class: "muted", colspan: names.length }, none)),
    );
    this.total.textContent = total
      ? `${number(this.offset + 1)}–${number(this.offset + rows.length)} of ${count(total, "design")}`
      : "";
    const last = Math.max(0, Math.ceil(total / AT_ONCE) - 1) * AT_ONCE;
    const { first, back, on, end } = this.pages;
    for (const button of [first, back]) button.disabled = !this.offset;
    for (const button of [on, end]) button.disabled = this.offset >= last;
  }

  showHeads(names) {
    const json = JSON.stringify([names, this.wanted.sort, this.wanted.order]);
    if (this.head.dataset.of === json) return;
    this.head.dataset.of = json;
    const held = document.activeElement?.dataset?.sort;
    const sorted = { asc: "ascending", desc: "descending" }[this.wanted.order];
    const head = (name) => {
      const title =
        name === "score" ? capital(measure(this.scoreName)) : (TITLES[name] ?? capital(name.replaceAll("_", " ")));
      const button =
        name === "hidden"
          ? title
          : h("button", { type: "button", dataset: { sort: name }, onclick: () => this.sort(name) }, title);
      return h("th", { scope: "col", "aria-sort": this.wanted.sort === name ? sorted : null }, button);
    };
    fill(this.head, names.map(head));
    if (held) this.head.querySelector(`[data-sort="${held}"]`)?.focus();
  }

  row(names, row) {
    const cell = (name) => {
      if (name === "arch_id") return h("th", { scope: "row" }, linkTo(this.key, row, String(row.arch_id).slice(0, 12)));
      if (name === "state")
        return h(
          "td",
          null,
          badge(stateOf(row)),
          row.reason ? h("div", { class: "small muted why", title: row.reason }, row.reason) : null,
        );
      if (name === "hidden") return h("td", { class: "nowrap" }, layers(row.hidden));
      if (name === "score") return h("td", null, h("strong", null, scoreText(this.scoreName, row.score)));
      return h("td", null, text(row[name]));
    };
    return h("tr", null, names.map(cell));
  }

  sort(name) {
    const { sort, order } = this.wanted;
    const turned = order === "asc" ? "desc" : "asc";
    return this.want({ sort: name, order: sort === name ? turned : FALLS.has(name) ? "desc" : "asc" });
  }

  want(change) {
    Object.assign(this.wanted, change);
    return this.turn(0);
  }

  turn(offset) {
    this.offset = offset;
    return this.load();
  }

  paging() {
    const button = (words, label, to) => {
      const made = h(
        "button",
        {
          type: "button",
          class: "slim",
          "aria-label": label,
          onclick: () => busy(made, () => this.turn(to())).then(() => this.keepFocus(made)),
        },
        words,
      );
      return made;
    };
    const last = () => Math.max(0, Math.ceil(this.all / AT_ONCE) - 1) * AT_ONCE;
    return {
      first: button("« First", "First designs", () => 0),
      back: button("‹ Back", "Back to the designs before", () => Math.max(0, this.offset - AT_ONCE)),
      on: button("Next ›", "Next designs", () => Math.min(last(), this.offset + AT_ONCE)),
      end: button("Last »", "Last designs", last),
    };
  }

  /** A button that is off now must not leave the keyboard nowhere; it is off where its way ends. */
  keepFocus(made) {
    const { first, back, on, end } = this.pages;
    const ended = this.offset ? [on, end] : [first, back];
    for (const button of ended)
      button.disabled =
        button === on || button === end
          ? this.offset >= Math.max(0, Math.ceil(this.all / AT_ONCE) - 1) * AT_ONCE
          : true;
    if (!made.disabled) made.focus();
    else [first, back, on, end].find((button) => !button.disabled)?.focus();
  }

  controls() {
    let typing = 0;
    const search = h("input", {
      type: "search",
      placeholder: "Name, activation, optimizer",
      oninput: () => {
        clearTimeout(typing);
        typing = setTimeout(() => this.want({ search: search.value.trim() }), 250);
      },
    });
    const state = h(
      "select",
      { onchange: () => this.want({ state: state.value }) },
      h("option", { value: "" }, "All states"),
      STATES.map((name) => h("option", { value: name }, name)),
    );
    return h(
      "div",
      { class: "line designs-controls", role: "search", "aria-label": "Find designs" },
      h("div", { class: "grow" }, field("Find", search)),
      field("State", state),
    );
  }
}

function text(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "number") return number(value, 4);
  return Array.isArray(value) ? value.join(", ") : String(value);
}

function capital(words) {
  return words.charAt(0).toUpperCase() + words.slice(1);
}
