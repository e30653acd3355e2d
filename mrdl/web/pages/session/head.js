// The head of a session's pages: its name, state and facts, what can be done with it, and its parts.

import { ask, post, session } from "../api.js";
import { age, badge, busy, clock, dialog, fill, h, said, toast } from "../dom.js";
import { go } from "../address.js";
import { copyButton } from "./parts.js";

const ACTS = {
  stop: ["Stop"], // without a question: it can be resumed, and loses nothing of what is finished
  resume: ["Resume"],
  retry: ["Retry failed"],
  delete: ["Delete…", "Delete this session?", "Its networks, records and report go for good. The table stays."],
};
const KINDS = { run: "Network", sweep: "Sweep" };

/** The address of a session's page. */
export function address(key, ...more) {
  return ["/s", encodeURIComponent(key), ...more].join("/");
}

/**
 * The head of a session's page. told: the session; here: "" or "report" or "predict"; acted: is told after an
 * action. Gives {node, update}: `update` has what changed in it: state, reason, actions, changed.
 */
export function head(told, here, acted) {
  const now = { ...told };
  const state = h("span", { role: "status" });
  const changed = h("span");
  const reason = h("div");
  const acts = h("div", { class: "line", role: "group", "aria-label": "Do with this session" });
  const title = h("h1", { class: "name", title: told.title || told.key }, told.title || told.key);
  const about = h(
    "p",
    { class: "about muted" },
    state,
    h("span", null, KINDS[told.kind] ?? told.kind),
    h("span", { title: told.table }, short(told.table)),
    told.label ? h("span", null, "predicts ", h("bdi", null, told.label)) : null,
    changed,
  );
  const node = h(
    "header",
    { class: "stack" },
    h("div", { class: "page-head" }, h("div", { class: "stack tight" }, title, about), acts),
    reason,
    parts(told, here),
  );
  const update = (change) => {
    Object.assign(now, change);
    if (state.textContent !== now.state) fill(state, badge(now.state));
    const words = `changed ${age(now.changed)}`;
    if (changed.textContent !== words) fill(changed, h("time", { title: clock(now.changed) }, words));
    fillReason(reason, now);
    fillActs(acts, now, acted);
  };
  update({});
  return { node, update };
}

function fillReason(place, { state, reason }) {
  const told = reason && state !== "done" ? reason : "";
  if (place.dataset.told === `${state} ${told}`) return;
  place.dataset.told = `${state} ${told}`;
  fill(place, said(told, state === "failed" ? "error" : "warning"));
}

function fillActs(place, now, acted) {
  const known = JSON.stringify(now.actions ?? []);
  if (place.dataset.of === known) return;
  place.dataset.of = known;
  fill(
    place,
    Object.keys(ACTS)
      .filter((name) => now.actions?.includes(name))
      .map((name) => act(name, now, acted, place)),
  );
}

function act(name, now, acted, place) {
  const [words, title, question] = ACTS[name];
  const danger = name === "delete";
  const button = h(
    "button",
    { type: "button", class: danger ? "danger" : "", onclick: () => busy(button, run) },
    words,
  );
  const run = async () => {
    if (question && !(await dialog(question, { title, yes: words.replace("…", ""), danger }))) return;
    try {
      if (danger) {
        await ask("DELETE", session(now.key));
        toast(`${now.title || now.key} is deleted.`);
        await go("/");
      } else {
        await post(session(now.key, name));
        await acted();
        place.querySelector("button")?.focus(); // the button may be gone, and the focus with it
      }
    } catch (error) {
      toast(error.message, "error");
    }
  };
  return button;
}

/** Links to the parts of a session, and to itself. */
function parts(told, here) {
  const all = [["", "Overview"], ["report", "Report"], ...(told.kind === "run" ? [["predict", "Predict"]] : [])];
  const link = ([part, words]) =>
    h(
      "a",
      {
        class: "button quiet",
        href: address(told.key, ...(part ? [part] : [])),
        "aria-current": part === here ? "page" : null,
      },
      words,
    );
  const whole = () => location.origin + address(told.key);
  const copy = copyButton(
    "Copy link",
    whole,
    "The link is copied. A browser that was never here needs the token, too.",
  );
  return h(
    "div",
    { class: "line parts-line" },
    h("nav", { class: "tabs grow", "aria-label": "Parts of this session" }, all.map(link)),
    h("span", { class: "line key" }, h("code", { class: "small muted", title: told.key }, shortKey(told.key)), copy),
  );
}

function short(table) {
  const name = (table ?? "").split("/").pop();
  return name.length > 60 ? `${name.slice(0, 57)}…` : name;
}

function shortKey(key) {
  return key.length > 34 ? `${key.slice(0, 33)}…` : key;
}
