// What can be done with the sessions that are selected: stop, resume, delete, compare.

import { go } from "./address.js";
import { post, query } from "./api.js";
import { busy, count, dialog, fill, h, toast } from "./dom.js";

const ACTS = [
  { action: "stop", title: "Stop", done: "stopped", of: ["running", "waiting"] },
  { action: "resume", title: "Resume", done: "resumed", of: ["stopped", "failed"] },
  { action: "delete", title: "Delete…", done: "deleted", of: ["done", "stopped", "failed", "waiting"], danger: true },
];

/**
 * The bar of actions. chosen: gives the sessions that are selected; settled: is told after an action.
 * Gives {bar, show}: `show` has the bar fit what is selected now.
 */
export function acts(chosen, settled) {
  const bar = h("div", { class: "acts line", role: "group", "aria-label": "Do with what is selected" });
  const show = () => {
    const sessions = chosen();
    const json = JSON.stringify(sessions.map(({ key, state }) => [key, state]));
    if (bar.dataset.of === json) return;
    bar.dataset.of = json;
    if (!sessions.length)
      fill(bar, h("span", { class: "small muted" }, "Select sessions to stop, resume, delete or compare them."));
    else
      fill(
        bar,
        h("strong", null, `${sessions.length} selected`),
        ACTS.map((act) => button(act, sessions, settled)),
        compare(sessions),
      );
  };
  return { bar, show };
}

function button(act, sessions, settled) {
  const fit = sessions.filter((one) => act.of.includes(one.state));
  const made = h(
    "button",
    {
      type: "button",
      class: act.danger ? "slim danger" : "slim",
      disabled: !fit.length,
      onclick: () => busy(made, () => run(act, fit, settled)),
    },
    act.title,
  );
  return made;
}

async function run(act, sessions, settled) {
  const many = count(sessions.length, "session");
  if (act.danger) {
    const names = sessions.slice(0, 5).map((one) => one.title || one.key);
    const more = sessions.length > 5 ? `, and ${sessions.length - 5} more` : "";
    const question = `${names.join(", ")}${more}: the networks, records and reports go for good. The tables stay.`;
    if (!(await dialog(question, { title: `Delete ${many}?`, yes: "Delete", danger: true }))) return;
  }
  try {
    const { results } = await post("/api/actions", { action: act.action, keys: sessions.map((one) => one.key) });
    const good = results.filter((one) => one.ok).length;
    if (good) toast(`${count(good, "session")} ${act.done}.`);
    const names = new Map(sessions.map((one) => [one.key, one.title || one.key]));
    for (const { key, error } of results.filter((one) => !one.ok)) toast(`${names.get(key)}: ${error}`, "error");
  } catch (error) {
    toast(error.message, "error");
  }
  await settled();
}

function compare(sessions) {
  const sweeps = sessions.filter((one) => one.kind === "sweep");
  const keys = sweeps.map((one) => one.key).join(",");
  const title = sweeps.length < 2 ? "Select two sweeps or more" : null;
  return h(
    "button",
    {
      type: "button",
      class: "slim",
      disabled: sweeps.length < 2,
      title,
      onclick: () => go(query("/compare", { keys })),
    },
    "Compare sweeps",
  );
}
