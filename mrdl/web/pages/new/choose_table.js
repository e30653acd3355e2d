// The first step of New: a table is dropped, picked, chosen of those that are there, or found in a folder or in HDFS.

import { get } from "../api.js";
import { age, busy, bytes, fill, h, said, toast } from "../dom.js";
import { catchDrops } from "../drops.js";
import { draft, placeOf } from "./draft.js";
import { Upload } from "./upload.js";
import { progress } from "./upload_bar.js";

const ROWS = 8; // of tables and of entries, before one asks for more

/** Show the step in `box`; gives a function that cleans up. */
export function chooseTable(box, about) {
  const show = () => fill(box, draft.source ? chosen() : chooser(about));
  show();
  const over = (is) => box.querySelector(".drop")?.classList.toggle("over", is);
  const deaf = [draft.hear("source", show), catchDrops(dropped, over)];
  return () => deaf.forEach((end) => end());
}

// --- nothing is chosen yet ---

function chooser(about) {
  const input = h("input", {
    type: "file",
    class: "unseen",
    id: "file",
    onchange: () => input.files[0] && send(input.files[0]),
  });
  const zone = h(
    "label",
    { class: "drop", for: "file" },
    input,
    h("strong", null, "Drop a file here, or pick one"),
    h("span", { class: "small muted" }, `CSV, also .gz or .bz2, Parquet or ORC; up to ${bytes(about.limit_bytes)}.`),
    h("span", { class: "button main" }, "Pick a file"),
  );
  return h("div", { class: "halves" }, zone, h("div", { class: "stack" }, here(), browser(about.roots)));
}

/** The tables that were uploaded, or used, before. */
function here() {
  const box = h("div", null, h("p", { class: "muted", role: "status" }, "Loading the tables…"));
  get("/api/tables").then(
    ({ tables }) => showTables(box, tables),
    (error) => fill(box, said(error.message)),
  );
  return h("section", { class: "stack tight" }, h("h3", null, "Tables that are here"), box);
}

function showTables(box, tables, all = false) {
  const rows = tables.slice(0, all ? tables.length : ROWS).map((one) => {
    const more = [bytes(one.size), one.where, age(one.changed)].filter(Boolean).join(" · ");
    return entry(one.name, more, () => take(one));
  });
  const more =
    tables.length > ROWS &&
    !all &&
    h(
      "button",
      { type: "button", class: "slim quiet", onclick: () => showTables(box, tables, true) },
      `Show all ${tables.length}`,
    );
  fill(
    box,
    rows.length
      ? h("ul", { class: "entries" }, rows)
      : h("p", { class: "muted" }, "None yet: what you upload stays here."),
    more,
  );
}

function entry(name, more, choose, folder = false) {
  const mark = h("span", { class: folder ? "mark-folder" : "mark-file", "aria-hidden": "true" });
  const button = h(
    "button",
    { type: "button", onclick: () => busy(button, choose) },
    mark,
    h("span", null, name, folder ? "/" : ""),
    h("small", null, more),
  );
  return h("li", null, button);
}

/** Folders that the server may read, here and in HDFS. */
function browser(roots) {
  if (!roots.length) return null;
  const box = h("div", { class: "stack tight" });
  const name = h("input", {
    type: "text",
    "aria-label": "A folder or file",
    spellcheck: "false",
    value: roots[0].place,
  });
  const open = async (place) => {
    name.value = place;
    try {
      const found = await get(placeOf(place));
      fill(box, entries(found, open));
    } catch (error) {
      fill(box, said(error.message));
    }
  };
  const look = h("button", { type: "submit" }, "Open");
  const line = h(
    "form",
    {
      class: "line nowrap-line",
      onsubmit: (event) => (event.preventDefault(), busy(look, () => open(name.value.trim()))),
    },
    name,
    look,
  );
  const places = roots.map((root) =>
    h(
      "button",
      { type: "button", class: "slim", onclick: () => open(root.place) },
      root.kind === "hdfs" ? "HDFS: " : "",
      root.place,
    ),
  );
  return h(
    "details",
    { class: "browse" },
    h("summary", null, "Look in folders", roots.some((root) => root.kind === "hdfs") ? " and HDFS" : ""),
    h("div", { class: "stack tight" }, h("div", { class: "line" }, places), line, box),
  );
}

function entries({ place, parent, entries: found }, open, all = false) {
  const rows = found
    .slice(0, all ? found.length : 50)
    .map((one) =>
      entry(
        one.name,
        one.is_folder ? "" : bytes(one.size),
        () => (one.is_folder ? open(one.place) : take({ table: one.place, name: one.name, size: one.size })),
        one.is_folder,
      ),
    );
  const up = parent && entry("..", "", () => open(parent), true);
  const list = h("ul", { class: "entries long", "aria-label": place }, up, rows);
  const more =
    found.length > rows.length &&
    h(
      "button",
      {
        type: "button",
        class: "slim quiet",
        onclick: () => fill(list.parentElement, entries({ place, parent, entries: found }, open, true)),
      },
      `Show all ${found.length}`,
    );
  const whole = h(
    "button",
    {
      type: "button",
      class: "slim quiet",
      onclick: () => take({ table: place, name: place.replace(/\/+$/, "").split("/").pop(), size: null }),
    },
    "Take the whole folder as one table",
  );
  return [
    list,
    found.length ? null : h("p", { class: "muted" }, "This folder is empty."),
    more,
    found.length ? whole : null,
  ];
}

function take({ table, name, size }) {
  draft.source = { table, name, size };
  draft.upload = null;
  draft.tell("source");
  document.getElementById("source-name")?.focus();
}

/** Begin to send a file. */
export function send(file) {
  draft.upload?.cancel();
  const upload = new Upload(file, () => {
    if (draft.upload !== upload) return;
    draft.source = {
      upload: upload.id,
      table: upload.table,
      name: file.name,
      size: file.size,
      sent: upload.phase === "done",
    };
    draft.tell("upload");
  });
  draft.upload = upload;
  draft.source = { upload: null, table: null, name: file.name, size: file.size, sent: false };
  upload.run().then(
    () => upload.phase === "done" && draft.tell("sent"),
    () => draft.tell("upload"), // it is told where the bar is
  );
  draft.tell("source");
}

/** A file was dropped: it is the table, unless there is one. */
function dropped(file) {
  if (draft.source) toast("There is a table already: press “Choose another table” first.", "error");
  else send(file);
}

// --- a table is chosen ---

function chosen() {
  const { name, size, table, upload } = draft.source;
  const other = h("button", { type: "button", class: "end", onclick: () => draft.another() }, "Choose another table");
  const where = table && !upload ? `${table} · ` : "";
  const head = h(
    "div",
    { class: "line" },
    h(
      "div",
      { class: "grow" },
      h("strong", { id: "source-name", tabindex: -1 }, name),
      h("div", { class: "small muted" }, `${where}${bytes(size)}`),
    ),
    other,
  );
  return [head, upload !== undefined && !draft.source.sent ? progress(send, () => draft.another()) : null];
}
