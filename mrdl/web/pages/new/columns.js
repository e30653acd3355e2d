// The second step of New: what each column holds, what it is taken for, and which one is to be predicted.

import { bytes, count, fill, h, number, said } from "../dom.js";
import { columnRow } from "./column_row.js";
import { draft } from "./draft.js";
import { labelAndTask } from "./label.js";
import { warnings } from "./warnings.js";

const AT_ONCE = 50; // rows of the table of columns

/** Show the step in `box`; gives a function that cleans up. */
export function columns(box) {
  const told = h("div", { class: "stack tight", "aria-live": "polite" });
  const fault = h("div", { class: "stack tight" });
  const label = labelAndTask();
  const faults = h("div", { class: "stack tight" });
  const table = new Table();
  fill(box, told, fault, label.box, faults, table.box);
  const show = () => {
    const { found, looking, lookFault } = draft;
    fill(told, status(found, looking));
    fill(fault, lookFault && !looking ? [said(lookFault), again()] : null);
    for (const part of [label.box, faults, table.box]) part.hidden = !found && !(part === label.box && lookFault);
    if (!found && !lookFault) return;
    label.show();
    if (!found) return;
    fill(faults, found.faults?.length ? warnings(found.faults) : null);
    table.show(found);
  };
  show();
  const deaf = [draft.hear("found", show), draft.hear("looking", show), draft.hear("values", show)];
  return () => deaf.forEach((end) => end());
}

function again() {
  return h("div", null, h("button", { type: "button", onclick: () => draft.lookAgain() }, "Look again"));
}

function status(found, looking) {
  const turn = h("span", { class: "spin", "aria-hidden": "true" });
  const words = found ? "Looking again…" : (draft.lookWait ?? "Looking at the table…");
  const wait = h("div", { class: "line small muted" }, turn, words);
  if (!found && draft.lookFault && !looking) return null;
  if (!found && !looking && !draft.lookWait)
    return h("p", { class: "muted" }, "Waiting for the beginning of the file…");
  if (!found) return wait;
  const rows = found.head
    ? `about ${count(Number(found.rows_about.toPrecision(2)), "row")}`
    : count(found.num_rows, "row");
  const size = `${count(found.columns.length, "column")}, ${rows}, ${bytes(found.size)}. `;
  const from = `The figures are those of the first ${count(found.num_rows, "row")}. The rest is read when it is trained on.`;
  return [h("p", null, size, found.head && h("span", { class: "muted" }, from)), looking && wait];
}

/** The table of columns, some at a time, and those alone that are searched for. */
class Table {
  constructor() {
    this.from = 0;
    this.search = h("input", {
      type: "search",
      class: "slim",
      placeholder: "Find a column",
      "aria-label": "Find a column",
      oninput: () => this.turn(0),
    });
    this.body = h("tbody");
    this.pages = h("div", { class: "line small" });
    this.rows = h("details", null);
    const heads = ["Column", "Taken for", "Missing", "Distinct", "How it is spread", "First rows"];
    const cells = heads.map((head, i) => h("th", { scope: "col", class: i === 2 || i === 3 ? "right" : "" }, head));
    const table = h("table", { class: "of-columns" }, h("thead", null, h("tr", null, cells)), this.body);
    const scroll = h(
      "div",
      { class: "scroll tall", tabindex: 0, role: "region", "aria-label": "Columns of the table" },
      table,
    );
    this.head = h("div", { class: "line" }, this.search, this.pages);
    this.box = h("div", { class: "stack tight" }, this.head, scroll);
  }

  show(found) {
    this.found = found;
    this.head.hidden = found.columns.length <= 12;
    this.turn(this.from);
  }

  turn(from) {
    const wanted = this.search.value.trim().toLowerCase();
    const columns = this.found.columns.filter((column) => column.name.toLowerCase().includes(wanted));
    this.from = from < columns.length ? from : 0;
    const shown = columns.slice(this.from, this.from + AT_ONCE);
    const held = document.activeElement?.dataset?.held;
    fill(
      this.body,
      shown.length
        ? shown.map((column) => columnRow(column, this.found))
        : h("tr", null, h("td", { colspan: 6, class: "muted" }, "No column has such a name.")),
    );
    if (held) this.body.querySelector(`[data-held="${CSS.escape(held)}"]`)?.focus();
    const last = this.from + shown.length;
    const step = (words, to, off) =>
      h("button", { type: "button", class: "slim", disabled: off, onclick: () => this.turn(to) }, words);
    const steps = columns.length > AT_ONCE && [
      step("Back", this.from - AT_ONCE, !this.from),
      step("Next", this.from + AT_ONCE, last >= columns.length),
    ];
    fill(
      this.pages,
      h(
        "span",
        { class: "muted number" },
        columns.length ? `${number(this.from + 1)}–${number(last)} of ${count(columns.length, "column")}` : "",
      ),
      steps,
    );
  }
}
