// The last step of New: what it will cost, and the button that starts it.

import { go } from "../address.js";
import { post } from "../api.js";
import { busy, bytes, count, duration, field, fill, h, number, said, speak } from "../dom.js";
import { draft } from "./draft.js";
import { brokenLines } from "./warnings.js";

const SOON_MS = 600;

/** Show the step in `box`; gives a function that cleans up. about: of GET /api/about. */
export function starting(box, about) {
  const plan = h("div", { class: "stack tight", "aria-live": "polite" });
  const fault = h("div");
  const start = h(
    "button",
    { type: "button", class: "main", onclick: () => busy(start, () => begin(start, fault)) },
    "Start",
  );
  fill(
    box,
    plan,
    options(about),
    fault,
    h(
      "div",
      { class: "line" },
      start,
      h("span", { class: "small muted" }, "You can close this page: training goes on, and its address stays."),
    ),
  );
  return planning(plan);
}

function options(about) {
  const title = h("input", {
    value: draft.title,
    placeholder: draft.source?.name ?? "",
    oninput: () => ((draft.title = title.value), draft.keep()),
  });
  draft.hear("source", () => (title.placeholder = draft.source?.name ?? ""));
  const runner = h(
    "select",
    { value: draft.runner || about.runner, onchange: () => ((draft.runner = runner.value), draft.keep()) },
    about.runners.map((name) => h("option", { value: name }, RUNNERS[name] ?? name)),
  );
  return h(
    "div",
    { class: "columns" },
    field("Name", title, "As the list of sessions shows it; left out: the table's."),
    field("Where it runs", runner),
  );
}

const RUNNERS = {
  inline: "this machine, one process",
  local: "this machine, a process a core",
  hadoop: "the cluster, by YARN",
};

// --- the plan ---

/** Ask for the plan when settings have changed, and show it. */
function planning(box) {
  let asked = new AbortController();
  let timer = 0;
  let last = "";
  const plan = async () => {
    const body = planned();
    if (!body) return fill(box, h("p", { class: "muted" }, waiting()));
    const json = JSON.stringify(body);
    if (json === last) return undefined;
    last = json;
    asked.abort();
    asked = new AbortController();
    const { signal } = asked;
    fill(
      box,
      h(
        "div",
        { class: "line small muted" },
        h("span", { class: "spin", "aria-hidden": "true" }),
        "Working out how long and how large…",
      ),
    );
    try {
      fill(box, shown(await post("/api/plan", body, { signal })));
    } catch (error) {
      if (signal.aborted) return undefined;
      last = error.status ? last : "";
      fill(box, said(error.message));
    }
    return undefined;
  };
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(plan, SOON_MS);
  };
  soon();
  const deaf = ["values", "toml", "fault", "source", "sent", "found"].map((what) => draft.hear(what, soon));
  return () => {
    clearTimeout(timer);
    asked.abort();
    deaf.forEach((end) => end());
  };
}

/** What to plan or to start; null while something is missing. */
function planned() {
  const { source, kind, toml, fault, pending } = draft;
  if (!source?.table || (source.upload !== undefined && !source.sent) || !draft.columns().label || fault || pending)
    return null;
  return { kind, table: source.table, toml };
}

/** What is missing, in words; "" for nothing. */
function missing() {
  if (!draft.source) return "Choose a table first, in step 1.";
  if (draft.lookFault && !draft.found) return `The table cannot be read: ${draft.lookFault}`;
  if (!draft.columns().label) return "Choose what you want to predict first, in step 2.";
  const broken = brokenLines();
  if (broken) return `${broken}. Mend the file, or have such lines left out, in step 2.`;
  if (draft.fault) return `The settings have a fault: ${draft.fault.words}`;
  return "";
}

function waiting() {
  if (missing()) return missing();
  if (draft.upload && draft.upload.phase !== "done") return "The plan is made when the file is uploaded.";
  return "The plan is made when the settings are settled.";
}

/** The plan as figures and words. */
function shown(plan) {
  const figures = [];
  const add = (of, is) =>
    figures.push(h("div", { class: "figure" }, h("span", { class: "of" }, of), h("span", { class: "is" }, is)));
  if (plan.designs !== undefined && plan.designs !== null) add("Designs", number(plan.designs));
  if (plan.seconds !== undefined && plan.seconds !== null) add("Takes about", duration(plan.seconds));
  const size = [plan.parameters ?? []].flat();
  if (size.length)
    add(
      "Parameters",
      size.length > 1 && size[0] !== size.at(-1)
        ? `${number(size[0], 3)} – ${number(size.at(-1), 3)}`
        : number(size[0], 3),
    );
  if (plan.memory_mb) add("Memory", bytes(plan.memory_mb * 1e6));
  const large =
    typeof plan.too_large === "number"
      ? plan.too_large && `${count(plan.too_large, "design")} will not fit.`
      : [plan.too_large ?? []].flat().join("\n");
  const told = (plan.told ?? []).filter(Boolean);
  return [
    figures.length ? h("div", { class: "figures-line" }, figures) : null,
    large ? said(large, "warning") : null,
    told.length
      ? h(
          "ul",
          { class: "told" },
          told.map((line) => h("li", null, line)),
        )
      : null,
    plan.ids?.length
      ? h(
          "details",
          null,
          h("summary", { class: "small" }, "The first designs' ids"),
          h("code", { class: "small" }, plan.ids.join(" ")),
        )
      : null,
  ];
}

// --- the start ---

async function begin(button, fault) {
  const lack = missing();
  if (lack) return fill(fault, said(lack));
  fill(fault);
  const before = button.textContent;
  try {
    await settled(button);
    button.textContent = "Starting…";
    speak("Starting");
    const { title, runner, kind, source, toml, formId } = draft;
    const asked = { kind, table: source.table, toml, title, runner: runner || null, form: formId };
    const { key } = await post("/api/sessions", asked);
    draft.forget();
    go(`/s/${encodeURIComponent(key)}`);
  } catch (error) {
    fill(fault, said(error.message));
    fault.scrollIntoView({ block: "nearest" });
  } finally {
    button.textContent = before;
  }
  return undefined;
}

/** Wait until the file is there and both sides of the settings say the same. */
async function settled(button) {
  const { upload } = draft;
  if (draft.source.upload !== undefined && !draft.source.sent && !upload)
    throw new Error("The file is not all there: pick it again in step 1.");
  if (upload && upload.phase !== "done") {
    button.textContent = "Starts when the file is uploaded…";
    await until(
      ["upload", "sent", "source"],
      () => draft.upload !== upload || ["done", "failed"].includes(upload.phase),
    );
    if (upload.phase !== "done" || draft.upload !== upload)
      throw new Error(upload.words || "The upload was cancelled.");
  }
  await until(["fault"], () => !draft.pending);
  if (missing()) throw new Error(missing());
}

function until(whats, reached) {
  return new Promise((done) => {
    const look = () => {
      if (!reached()) return;
      deaf.forEach((end) => end());
      done();
    };
    const deaf = whats.map((what) => draft.hear(what, look));
    look();
  });
}
