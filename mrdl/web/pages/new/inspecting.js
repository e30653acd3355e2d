// Asks the server what a table holds, as soon as enough of it is there and again when something is said of columns.

import { post } from "../api.js";
import { draft } from "./draft.js";

const SOON_MS = 300;
const AGAIN_MS = 2000; // after no answer, or one that more of the file is needed
const ENOUGH = 1 << 20; // bytes of an upload, or all of it

/** Look at the draft's table whenever that may tell something new; gives a function that ends it. */
export function inspecting() {
  let asked = new AbortController();
  let timer = 0;
  let lookedAt = ""; // what was asked last: the same is not asked again
  let early = false; // whether the last look was at the beginning of an upload

  const look = async () => {
    clearTimeout(timer);
    timer = 0;
    const which = tableOf(draft);
    if (!which) return;
    const body = { ...which.of, columns: draft.columns() };
    const json = JSON.stringify([body, which.whole]);
    if (json === lookedAt) return;
    lookedAt = json;
    early = !which.whole;
    asked.abort();
    asked = new AbortController();
    const { signal } = asked;
    draft.looking = true;
    draft.tell("looking");
    try {
      draft.found = await post("/api/inspect", body, { signal });
      draft.lookFault = draft.lookWait = null;
    } catch (error) {
      if (signal.aborted) return;
      const wait = error.body?.wait; // too little is there to tell
      draft.lookWait = wait ? error.message : null;
      draft.lookFault = wait ? null : error.message;
      if (wait || !error.status) timer = setTimeout(() => ((lookedAt = ""), look()), AGAIN_MS);
    }
    draft.looking = false;
    draft.tell("found");
  };
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(look, SOON_MS);
  };
  const anew = () => {
    lookedAt = "";
    asked.abort();
    draft.looking = false;
    look();
  };
  draft.lookAgain = anew;
  const deaf = [
    draft.hear("source", anew),
    draft.hear("values", soon),
    draft.hear("upload", () => (lookedAt || timer ? null : soon())), // told often: it must not be put off each time
    draft.hear("sent", () => early && look()),
  ];
  look();
  return () => {
    clearTimeout(timer);
    asked.abort();
    deaf.forEach((end) => end());
  };
}

/** What to look at: {of: {table} or {upload}, whole}; null while too little of it is there. */
function tableOf({ source, upload }) {
  if (!source) return null;
  if (source.upload === undefined || source.sent) return { of: { table: source.table }, whole: true };
  const enough = upload && source.upload && upload.offset >= Math.min(ENOUGH, upload.size) && upload.size;
  return enough ? { of: { upload: source.upload }, whole: false } : null;
}
