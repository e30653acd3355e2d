// The report of a session: the very file that the command line writes, in a frame that can do nothing to this page.

import { get, session } from "./api.js";
import { refusal } from "./answers.js";
import { fill, h, said } from "./dom.js";
import { head } from "./session/head.js";

export async function show(root, { key, signal }) {
  const told = await get(session(key), { signal });
  const made = head(told, "report", (now) => made.update(now));
  const place = h(
    "div",
    null,
    h("p", { class: "loading", role: "status" }, "The report is being made; of a large sweep it takes some seconds."),
  );
  root.append(made.node, downloads(told), place);
  load(place, key, signal);
}

/** The frame, or why there is no report. */
async function load(place, key, signal) {
  const path = session(key, "report");
  try {
    const response = await fetch(path, { signal, credentials: "same-origin" });
    if (!response.ok) throw await refusal(response);
    response.body?.cancel(); // only whether it is there, as a frame cannot say why it is not
    fill(
      place,
      h("iframe", {
        class: "report",
        src: path,
        title: "Report",
        sandbox: "allow-scripts allow-downloads allow-popups",
      }),
    );
  } catch (error) {
    if (error.name === "AbortError") return;
    const again = h("button", { type: "button", onclick: () => load(place, key, signal) }, "Try again");
    fill(place, h("div", { class: "stack" }, said(error.message), h("div", null, again)));
  }
}

function downloads({ key, kind, state }) {
  const file = (part, words) =>
    h("a", { class: "button slim", href: session(key, ...part.split("/")), download: "" }, words);
  const alone = h(
    "a",
    { class: "button slim", href: session(key, "report"), target: "_blank", rel: "noopener" },
    "Open alone",
  );
  const page = h("a", { class: "button slim", href: session(key, "report"), download: "report.html" }, "HTML");
  const other = { sweep: [file("table.parquet", "Parquet")], run: state === "done" ? [file("model", "Model")] : [] }[
    kind
  ];
  return h(
    "div",
    { class: "line" },
    alone,
    h(
      "span",
      { class: "line end" },
      h("span", { class: "small muted" }, "Download"),
      page,
      file("table.csv", "CSV"),
      other,
    ),
  );
}
