// How far a file is on its way to the server, until it is there.

import { bar, bytes, duration, fill, h, percent, said, speak } from "../dom.js";
import { draft } from "./draft.js";

const SHOWN_MS = 150; // between two looks: a fast line tells much more often

/** The bar of the file that the draft sends. send: takes a file to send; stop: ends it. */
export function progress(send, stop) {
  const box = h("div", { class: "stack tight" });
  if (!draft.upload) {
    fill(box, goingOn(send));
    return box;
  }
  const upload = draft.upload;
  const line = moving(upload, stop);
  fill(box, line.parts);
  let next = 0;
  const show = () => {
    clearTimeout(next);
    if (draft.upload !== upload) return;
    if (upload.phase === "failed") fill(box, failed(upload, send));
    else if (upload.phase !== "done") line.show();
  };
  const deaf = [
    draft.hear("upload", () => {
      if (upload.phase === "failed") show();
      else next ||= setTimeout(() => ((next = 0), show()), SHOWN_MS);
    }),
    draft.hear("sent", () => {
      clearTimeout(next);
      fill(box, h("span", { class: "badge done" }, "uploaded"));
      speak("The file is uploaded.");
    }),
    draft.hear("source", () => deaf.forEach((end) => end())),
  ];
  show();
  return box;
}

/** After the page was loaded again, it has no right to the file until it is picked again. */
function goingOn(send) {
  const words =
    `Only a part of ${draft.source.name} was sent before this page was loaded again. ` +
    "Pick the same file: it goes on from there.";
  const input = h("input", {
    type: "file",
    "aria-label": "The same file again",
    onchange: () => input.files[0] && send(input.files[0]),
  });
  return [said(words, "warning"), input];
}

function failed(upload, send) {
  return [
    said(upload.words),
    h("div", null, h("button", { type: "button", onclick: () => send(upload.file) }, "Try again")),
  ];
}

/** The bar and its words, which are changed and not made anew, as the button beside them may have the focus. */
function moving(upload, stop) {
  const known = bar("Upload", 0);
  const unknown = bar("Upload", null);
  const told = h("span", { class: "number" });
  const end = h("button", { type: "button", class: "slim end", onclick: stop }, "Cancel the upload");
  const parts = [unknown, known, h("div", { class: "line small" }, told, end)];
  let spoken = 0;
  const show = () => {
    const now = Math.min(upload.size, upload.offset + upload.sent);
    const share = upload.size ? now / upload.size : 0;
    unknown.hidden = upload.phase === "sending";
    known.hidden = !unknown.hidden;
    known.setAttribute("aria-valuenow", Math.round(100 * share));
    known.firstChild.style.width = `${100 * share}%`;
    told.textContent = words(upload, now);
    if (Math.floor(share * 10) > spoken) {
      spoken = Math.floor(share * 10);
      speak(`Upload: ${spoken * 10} per cent`);
    }
  };
  return { parts, show };
}

function words(upload, now) {
  const share = upload.size ? percent(now / upload.size, 0) : "";
  const of = `${bytes(now)} of ${bytes(upload.size)}`;
  if (upload.phase === "beginning") return "Beginning…";
  if (upload.phase === "away") return `${share} · ${of} · the server does not answer; it is tried again…`;
  const rate = upload.rate;
  const left = rate ? `${duration(Math.ceil((upload.size - now) / rate))} left` : "";
  const before = upload.begunAt ? `went on from ${bytes(upload.begunAt)}` : "";
  return [share, of, rate && `${bytes(rate)}/s`, left, before].filter(Boolean).join(" · ");
}
