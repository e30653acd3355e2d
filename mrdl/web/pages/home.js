// The first page: all sessions of the folder, those of the command line, too; found, sorted, and acted on.

import { get, query } from "./api.js";
import { count, field, fill, fresh, h, said, speak } from "./dom.js";
import { catchDrops } from "./drops.js";
import { begin, nothingYet } from "./home_begin.js";
import { acts } from "./session_acts.js";
import { rowOf } from "./session_row.js";

const AT_ONCE = 25;
const BUSY_MS = 3000;
const IDLE_MS = 12_000;
const SORTS = { changed: "Latest change", title: "Name", score: "Best score", state: "State" };
const STATES = ["running", "waiting", "done", "stopped", "failed"];

export async function show(root, { query: asked, signal }) {
  const list = new List(root, asked, signal);
  await list.load();
  const deaf = catchDrops(begin);
  return () => {
    deaf();
    clearTimeout(list.timer);
  };
}

class List {
  constructor(root, asked, signal) {
    this.root = root;
    this.signal = signal;
    this.wanted = {
      search: asked.get("search") ?? "",
      sort: asked.get("sort") ?? "changed",
      state: asked.get("state") ?? "",
    };
    this.offset = Number(asked.get("offset")) || 0;
    this.rows = new Map(); // key -> {json, row, update}: what did not change stays the same element
    this.chosen = new Map(); // key -> session
    this.begun = false;
    this.timer = 0;
  }

  /** Ask the server, show what it says, and ask again after a while. */
  async load() {
    clearTimeout(this.timer);
    this.asked = (this.asked ?? 0) + 1;
    const asked = this.asked;
    try {
      const wanted = { ...this.wanted, offset: this.offset, limit: AT_ONCE };
      const found = await get(query("/api/sessions", wanted), { signal: this.signal });
      if (asked !== this.asked) return; // an answer to what was typed before
      this.begin();
      fill(this.fault);
      this.show(found);
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!this.begun) throw error;
      fill(this.fault, said(error.message));
    }
    const moving = [...this.rows.values()].some((one) => one.session.state === "running");
    this.timer = setTimeout(() => (document.hidden ? this.wait() : this.load()), moving ? BUSY_MS : IDLE_MS);
  }

  wait() {
    document.addEventListener("visibilitychange", () => this.load(), { once: true, signal: this.signal });
  }

  /** The page but for what the server says. */
  begin() {
    if (this.begun) return;
    this.begun = true;
    this.fault = h("div");
    this.body = h("tbody");
    this.total = h("span", { class: "muted number" });
    this.pages = h("nav", { "aria-label": "Parts of the list", class: "line" });
    this.all = h("input", {
      type: "checkbox",
      "aria-label": "Select all that are listed",
      onchange: () => this.chooseAll(),
    });
    this.box = h("div", { class: "stack" });
    this.acts = acts(
      () => [...this.chosen.values()],
      () => this.settled(),
    );
    const head = h(
      "div",
      { class: "page-head" },
      h("h1", null, "Sessions"),
      h("a", { class: "button main", href: "/new" }, "New session"),
    );
    this.root.append(head, this.fault, this.box);
  }

  show({ total, sessions }) {
    if (!sessions.length && this.offset) {
      this.offset = Math.max(0, Math.floor((total - 1) / AT_ONCE) * AT_ONCE);
      this.load();
      return;
    }
    const all = !this.wanted.search && !this.wanted.state;
    if (!total && all) {
      fill(this.box, nothingYet());
      return;
    }
    if (!this.body.isConnected) fill(this.box, this.controls(), this.acts.bar, this.table());
    this.total.textContent = total
      ? `${this.offset + 1}–${this.offset + sessions.length} of ${count(total, "session")}`
      : "";
    this.showRows(sessions);
    this.showPages(total, sessions.length);
    if (this.told !== total) speak(count(total, "session"));
    this.told = total;
  }

  showRows(sessions) {
    const before = this.rows;
    const held = document.activeElement?.dataset?.held; // a row that changes must not take the focus away
    this.rows = new Map(sessions.map((one) => [one.key, this.row(one, before.get(one.key))]));
    for (const one of sessions) if (this.chosen.has(one.key)) this.chosen.set(one.key, one);
    const rows = [...this.rows.values()].map((one) => one.row);
    const none = h("tr", null, h("td", { colspan: 6, class: "muted" }, "No session is like that."));
    if (rows.length !== this.body.children.length || rows.some((row, i) => this.body.children[i] !== row)) {
      fill(this.body, rows.length ? rows : none);
      if (held) this.body.querySelector(`[data-held="${CSS.escape(held)}"]`)?.focus();
    }
    this.settle();
  }

  row(session, before) {
    const json = JSON.stringify(session);
    if (before?.json === json) {
      before.age();
      return before;
    }
    const chosen = this.chosen.has(session.key);
    const choose = (yes) => {
      if (yes) this.chosen.set(session.key, session);
      else this.chosen.delete(session.key);
      this.settle();
    };
    return { json, session, ...rowOf(session, chosen, choose) };
  }

  /** Have the marks of what is chosen right. */
  settle() {
    const chosen = [...this.rows.keys()].filter((key) => this.chosen.has(key)).length;
    this.all.checked = chosen > 0 && chosen === this.rows.size;
    this.all.indeterminate = chosen > 0 && chosen < this.rows.size;
    this.acts.show();
  }

  /** After an action: nothing is chosen, and the list is as the server has it now. */
  settled() {
    this.chosen.clear();
    this.rows.clear();
    return this.load();
  }

  chooseAll() {
    for (const { session, row } of this.rows.values()) {
      if (this.all.checked) this.chosen.set(session.key, session);
      else this.chosen.delete(session.key);
      row.querySelector("input").checked = this.all.checked;
    }
    this.settle();
  }

  controls() {
    let typing = 0;
    const search = h("input", {
      type: "search",
      value: this.wanted.search,
      placeholder: "Name, table or key",
      oninput: () => {
        clearTimeout(typing);
        typing = setTimeout(() => this.want({ search: search.value.trim() }), 250);
      },
    });
    const states = [["", "All states"], ...STATES.map((state) => [state, state])];
    return h(
      "div",
      { class: "controls", role: "search" },
      field("Search", search),
      field(
        "State",
        select(states, this.wanted.state, (state) => this.want({ state })),
      ),
      field(
        "Sort by",
        select(Object.entries(SORTS), this.wanted.sort, (sort) => this.want({ sort })),
      ),
    );
  }

  want(change) {
    Object.assign(this.wanted, change);
    this.turn(0);
  }

  turn(offset) {
    this.offset = offset;
    const said = { ...this.wanted, sort: this.wanted.sort === "changed" ? "" : this.wanted.sort, offset: offset || "" };
    history.replaceState(null, "", query("/", said));
    return this.load();
  }

  table() {
    const name = fresh("sessions");
    const heads = ["Session", "State", "Score", "Changed"].map((head) => h("th", { scope: "col" }, head));
    const head = h("tr", null, h("th", { class: "tick" }, this.all), heads);
    const table = h("table", { class: "sessions", id: name }, h("thead", null, head), this.body);
    const box = h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Sessions" }, table);
    return [box, h("div", { class: "line" }, this.total, h("span", { class: "end" }, this.pages))];
  }

  showPages(total, shown) {
    const turn = (words, offset, off) =>
      h("button", { type: "button", class: "slim", disabled: off, onclick: () => this.turn(offset) }, words);
    const back = turn("Newer", Math.max(0, this.offset - AT_ONCE), !this.offset);
    const on = turn("Older", this.offset + AT_ONCE, this.offset + shown >= total);
    const [first, second] = this.wanted.sort === "changed" ? ["Newer", "Older"] : ["Back", "Next"];
    back.textContent = first;
    on.textContent = second;
    if (this.pages.textContent === first + second && this.pages.dataset.at === `${this.offset} ${total}`) return;
    this.pages.dataset.at = `${this.offset} ${total}`;
    fill(this.pages, total > AT_ONCE ? [back, on] : null);
  }
}

function select(options, value, chosen) {
  const made = options.map(([name, words]) => h("option", { value: name }, words));
  const box = h("select", { value, onchange: () => chosen(box.value) }, made);
  return box;
}
