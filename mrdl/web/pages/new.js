// The page New: a table, what to predict, what to train, and the start. Each step shows when the one before has enough.

import { go } from "./address.js";
import { get } from "./api.js";
import { chooseTable } from "./new/choose_table.js";
import { columns } from "./new/columns.js";
import { busy, dialog, h } from "./dom.js";
import { draft } from "./new/draft.js";
import { form } from "./new/form.js";
import { inspecting } from "./new/inspecting.js";
import { starting } from "./new/starting.js";

export async function show(root, { signal }) {
  const about = await get("/api/about", { signal });
  await draft.form();
  const step = (number, title) => {
    const box = h("div", { class: "stack" });
    const head = h(
      "h2",
      { class: "step-title" },
      h("span", { class: "step", "aria-hidden": "true" }, String(number)),
      title,
    );
    return { box, card: h("section", { class: "card stack", "aria-label": title }, head, box) };
  };
  const table = step(1, "The table");
  const what = step(2, "What to predict");
  const settings = step(3, "What to train");
  const start = step(4, "Plan and start");
  const anew = h("button", { type: "button", class: "quiet", onclick: () => busy(anew, forget) }, "Begin anew");
  const head = h("div", { class: "page-head" }, h("h1", null, "New session"), anew);
  root.append(head, table.card, what.card, settings.card, start.card);
  const open = () => {
    what.card.hidden = !draft.source;
    settings.card.hidden = start.card.hidden = !draft.found;
    anew.hidden = !draft.source;
  };
  open();
  const ends = [
    draft.hear("source", open),
    draft.hear("found", open),
    inspecting(),
    chooseTable(table.box, about),
    columns(what.box),
  ];
  ends.push(starting(start.box, about), await form(settings.box));
  return () => ends.forEach((end) => end());
}

async function forget() {
  if (
    !(await dialog("The table stays on the server if it is all there; what you said of it is gone.", {
      title: "Begin anew?",
      yes: "Begin anew",
    }))
  )
    return;
  if (draft.upload?.phase !== "done") draft.upload?.cancel();
  draft.forget();
  go("/new", { replace: true });
}
