// How a new session begins on the first page: with a word on what to do, or with a file that is dropped on it.

import { go } from "./address.js";
import { dialog, empty, h } from "./dom.js";

/** A file was dropped here: that is the table of a new session. */
export async function begin(file) {
  const { draft } = await import("./new/draft.js");
  const { send } = await import("./new/choose_table.js");
  const question = `You have begun a session with ${draft.source?.name}. Begin anew with ${file.name}?`;
  if (draft.source && !(await dialog(question, { title: "Another table?", yes: "Begin anew" }))) return;
  draft.upload?.cancel();
  draft.forget();
  send(file);
  go("/new");
}

/** What is shown in place of a list without sessions. */
export function nothingYet() {
  return empty(
    "Train your first network",
    "Drop a table here, a CSV file for example, or choose one; say which column you want to predict, and choose a " +
      "network, or a sweep over many designs. What you start is listed here, and so is what the command line starts in " +
      "this folder.",
    h("a", { class: "button main", href: "/new" }, "Choose a table"),
  );
}
