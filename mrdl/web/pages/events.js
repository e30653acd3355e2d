// Events of a session as they happen. By fetch and not by EventSource: that one gives up for good after one answer of
// a proxy that is not 200, cannot say from which event to go on in a new page, and does not see a line that went dead.

import { refusal, sleep } from "./answers.js";

const QUIET_MS = 45_000; // the server says something every 15 s, if only a comment
const HIDDEN_MS = 30_000; // a tab that is out of sight lets its connection go: a browser has six to a server

/**
 * Hear the events of a session; gives a function that ends it.
 *
 * handlers: {state, round, designs, warning, reset: (data, id) => …, gone: (error) => …}; `gone` is told when the
 * session is not there or the login ended, and nothing is tried again. after: the id of the last event known.
 * A lost connection is tried again from the last event heard, and the page says so.
 */
export function events(key, handlers, { after = null } = {}) {
  const ended = new AbortController();
  const line = { last: after, once: null };
  hear(key, handlers, line, ended.signal).catch((error) => {
    tell("");
    if (error.name !== "AbortError") (handlers.gone ?? console.error)(error);
  });
  const away = watchSight(line);
  return () => {
    away();
    tell("");
    ended.abort();
  };
}

async function hear(key, handlers, line, signal) {
  for (let failures = 0; !signal.aborted;) {
    await seen(signal);
    line.once = new AbortController();
    const either = AbortSignal.any([signal, line.once.signal]);
    const before = Date.now();
    try {
      await hearOnce(key, handlers, line, either, () => {
        failures = 0;
        tell("");
      });
    } catch (error) {
      if (signal.aborted) return;
      if ([401, 404].includes(error.status)) throw error;
      if (document.hidden) continue;
      failures += 1;
      tell(failures > 1 ? "The connection to the server is lost; trying to have it again…" : "");
    }
    const soon = Math.min(500 * 2 ** failures, 10_000);
    await sleep(Math.max(soon, 1000 - (Date.now() - before)), signal);
  }
}

/** One connection, until it ends. */
async function hearOnce(key, handlers, line, signal, opened) {
  const headers = { Accept: "text/event-stream" };
  if (line.last !== null) headers["Last-Event-ID"] = line.last;
  const path = `/api/sessions/${encodeURIComponent(key)}/events`;
  const response = await fetch(path, { headers, signal, cache: "no-store", credentials: "same-origin" });
  if (!response.ok) throw await refusal(response);
  opened();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let kept = "";
  for (;;) {
    const { done, value } = await soonEnough(reader.read(), line);
    if (done) return;
    const blocks = (kept + value).split(/\r?\n\r?\n/);
    kept = blocks.pop();
    for (const block of blocks) pass(block, handlers, line);
  }
}

async function soonEnough(reading, line) {
  const timer = setTimeout(() => line.once.abort(), QUIET_MS);
  try {
    return await reading;
  } finally {
    clearTimeout(timer);
  }
}

/** Hand one event to its handler. A handler that fails must not end the line. */
function pass(block, handlers, line) {
  const event = { event: "message", data: [] };
  for (const row of block.split(/\r?\n/)) {
    const [, name, value] = row.match(/^(\w+): ?(.*)$/) ?? [];
    if (name === "data") event.data.push(value);
    else if (name) event[name] = value;
  }
  if (event.id !== undefined) line.last = event.id;
  if (!event.data.length) return;
  try {
    handlers[event.event]?.(JSON.parse(event.data.join("\n")), line.last);
  } catch (error) {
    console.error(error);
  }
}

/** Let the connection go while the tab is out of sight; gives a function that ends the watching. */
function watchSight(line) {
  let timer = 0;
  const changed = () => {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(() => line.once?.abort(), HIDDEN_MS);
  };
  document.addEventListener("visibilitychange", changed);
  return () => {
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", changed);
  };
}

/** Wait until the tab is in sight. */
function seen(signal) {
  if (!document.hidden) return Promise.resolve();
  return new Promise((done, fail) => {
    const changed = () => document.hidden || (document.removeEventListener("visibilitychange", changed), done());
    document.addEventListener("visibilitychange", changed);
    signal.addEventListener("abort", () => {
      document.removeEventListener("visibilitychange", changed);
      fail(signal.reason);
    });
  });
}

/** Say a word on the connection at the top of the page; "" once it is there again. */
function tell(words) {
  const place = document.getElementById("connection");
  if (words) place.textContent = words;
  place.hidden = !words;
}
