// Predicting a whole table: a file that is sent for it, or one that is here already.

import { get, post, session } from "../api.js";
import { bar, busy, bytes, field, fill, h, percent, said } from "../dom.js";
import { Upload } from "../new/upload.js";

/** The choice. tell: is given what the network says, and the table's name; signal: ends an upload. */
export function fromTable(key, tell, signal) {
  const fault = h("div");
  const predict = async (table, name) => {
    fill(fault);
    try {
      tell(await post(session(key, "predict"), { table }, { signal }), name);
    } catch (error) {
      if (error.name !== "AbortError") fill(fault, said(error.message));
    }
  };
  const here = h("div");
  get("/api/tables", { signal }).then(
    ({ tables }) => fill(here, tables.length ? known(tables, predict) : null),
    () => {}, // a file can be sent all the same
  );
  const words = "It needs the columns that the network was trained on; others are left as they are, the label too.";
  return h(
    "div",
    { class: "stack" },
    h("p", { class: "small muted" }, words),
    sent(predict, fault, signal),
    here,
    fault,
  );
}

/** Tables that are here. */
function known(tables, predict) {
  const choice = h(
    "select",
    null,
    tables.map((one) => h("option", { value: one.table }, `${one.name} (${bytes(one.size)})`)),
  );
  const named = () => tables.find((one) => one.table === choice.value)?.name ?? "table";
  const ask = h(
    "button",
    { type: "button", onclick: () => busy(ask, () => predict(choice.value, named())) },
    "Predict this table",
  );
  return h("div", { class: "stack tight" }, field("A table that is here", choice), h("div", null, ask));
}

/** A file of the reader's. */
function sent(predict, fault, signal) {
  const file = h("input", { type: "file" });
  const progress = h("div", { class: "stack tight" });
  const work = async () => {
    fill(fault);
    const upload = new Upload(file.files[0], () => fill(progress, moving(upload)));
    signal.addEventListener("abort", () => upload.phase !== "done" && upload.cancel());
    try {
      await upload.run();
      fill(progress, h("span", { class: "small muted", role: "status" }, "Predicting…"));
      await predict(upload.table, upload.file.name);
    } catch (error) {
      fill(fault, said(error.message));
    }
    fill(progress);
  };
  const ask = h(
    "button",
    { type: "button", class: "main", disabled: true, onclick: () => busy(ask, work) },
    "Send and predict",
  );
  file.addEventListener("change", () => (ask.disabled = !file.files.length));
  return h("div", { class: "stack tight" }, field("A file", file), h("div", null, ask), progress);
}

function moving(upload) {
  const now = Math.min(upload.size, upload.offset + upload.sent);
  const share = upload.size ? now / upload.size : null;
  const words = upload.phase === "away" ? "the server does not answer; it is tried again…" : percent(share, 0);
  return [bar("Upload", share), h("span", { class: "small muted number" }, words)];
}
