// A file goes to the server in parts with offsets. It knows nothing of the page.
//
// The server says how much it has, so a part that was lost, a server that was away or began anew, or a page that was
// loaded again only mean to go on from there.

import { ApiError, AWAY, del, get, post, sleep } from "../api.js";

const FIRST_PART = 1 << 20; // enough for the table of columns, which shall not wait for more
const PART_S = 4; // a part takes some seconds, so that little is sent again after a fall
const SLOWEST = 10_000; // milliseconds between tries
const UNREADABLE = "The file can no longer be read: it was changed, moved or taken away meanwhile. Pick it again.";
const NO_TRY = [400, 401, 403, 413, 422, 507]; // trying again would not help

export class Upload {
  /** file: a File; changed: is told, without arguments, when something is other than before. */
  constructor(file, changed) {
    this.file = file;
    this.changed = changed;
    this.offset = 0; // bytes that the server has
    this.sent = 0; // and those on the way
    this.begunAt = 0; // the offset that was there already when this upload began
    this.phase = "beginning"; // then sending, away, done, failed, cancelled
    this.words = "";
    this.table = null;
    this.id = null;
    this.speed = new Speed();
    this.end = new AbortController();
  }

  get size() {
    return this.file.size;
  }

  /** Bytes a second, or null while it is not known. */
  get rate() {
    return this.speed.rate;
  }

  /** Send all, or until it is cancelled; throws ApiError, or Error where the file is not readable. */
  async run() {
    try {
      await this.patiently(() => this.begin());
      this.begunAt = this.offset;
      while (!this.finished) await this.patiently(() => this.part());
      this.now("done");
    } catch (error) {
      if (this.end.signal.aborted) return;
      this.now("failed", error.message);
      throw error;
    }
  }

  /** Have no more of it, on the server neither. */
  async cancel() {
    this.end.abort();
    this.request?.abort();
    this.now("cancelled");
    if (this.id) await del(`/api/uploads/${this.id}`).catch(() => {}); // it is forgotten there by itself, too
  }

  now(phase, words = "") {
    this.phase = phase;
    this.words = words;
    this.changed();
  }

  /** Do something until it is done, or the server's refusal is one that stays. */
  async patiently(work) {
    for (let tries = 0; ; tries += 1) {
      this.end.signal.throwIfAborted();
      try {
        await work();
        if (this.phase !== "sending") this.now("sending");
        return;
      } catch (error) {
        if (!(error instanceof ApiError) || NO_TRY.includes(error.status)) throw error;
        if (error.status === 409 && Number.isInteger(error.body?.offset)) this.offset = error.body.offset;
        else await this.wait(tries);
      }
    }
  }

  async wait(tries) {
    this.speed = new Speed();
    this.sent = 0;
    this.now("away");
    await sleep(Math.min(SLOWEST, 500 * 2 ** tries), this.end.signal);
    if (this.id) await this.where();
  }

  /** Ask the server how much it has; it may have forgotten the upload, then it is begun again. */
  async where() {
    try {
      this.take(await get(`/api/uploads/${this.id}`, { signal: this.end.signal }));
    } catch (error) {
      if (error.status === 404) await this.begin().catch(() => {});
    }
  }

  async begin() {
    const { name, size } = this.file;
    const begun = await post("/api/uploads", { name, size }, { signal: this.end.signal });
    this.id = begun.upload;
    this.partBytes = begun.part_bytes;
    this.take(begun);
  }

  take({ offset, done, table }) {
    this.offset = offset;
    this.finished = done;
    if (table) this.table = table;
    this.sent = 0;
    this.changed();
  }

  async part() {
    const wanted = this.offset < FIRST_PART ? FIRST_PART - this.offset : (this.rate ?? 0) * PART_S;
    const size = Math.min(this.partBytes, Math.max(FIRST_PART, Math.round(wanted)));
    const slice = this.file.slice(this.offset, this.offset + size);
    let part;
    try {
      part = await slice.arrayBuffer();
    } catch {
      throw new Error(UNREADABLE);
    }
    const answer = await this.send(part);
    this.take({ ...answer, table: answer.table ?? this.table });
    if (!part.byteLength && !this.finished) throw new Error("The server has all of the file, but does not say so.");
  }

  /** By XMLHttpRequest, as fetch does not say how much of a part is on its way. */
  send(part) {
    return new Promise((done, fail) => {
      const request = new XMLHttpRequest();
      this.request = request;
      request.open("PUT", `/api/uploads/${this.id}?offset=${this.offset}`);
      request.responseType = "json";
      request.upload.onprogress = (event) => {
        this.sent = event.loaded;
        this.speed.add(this.offset + event.loaded);
        this.now("sending");
      };
      request.onload = () => {
        const { status, response } = request;
        if (status >= 200 && status < 300) done(response);
        else fail(new ApiError(response?.error ?? `The server answered ${status}.`, status, response));
      };
      request.onerror = () => fail(new ApiError(AWAY, 0, null));
      request.onabort = () => fail(new DOMException("", "AbortError"));
      request.setRequestHeader("Content-Type", "application/octet-stream");
      request.send(part);
    });
  }
}

/** Bytes a second over the last seconds. */
class Speed {
  marks = []; // [milliseconds, bytes]

  add(bytes) {
    const now = Date.now();
    this.marks.push([now, bytes]);
    while (this.marks.length > 2 && now - this.marks[0][0] > 8000) this.marks.shift();
  }

  get rate() {
    if (this.marks.length < 2) return null;
    const [[began, first], [ended, last]] = [this.marks[0], this.marks.at(-1)];
    return ended - began < 300 ? null : Math.max(0, (1000 * (last - first)) / (ended - began));
  }
}
