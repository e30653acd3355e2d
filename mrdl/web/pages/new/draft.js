// What is entered on the page New: the table, what columns are, the settings as values and as TOML.
//
// It outlives the page: who looks at a session and comes back, or loads the page again, finds all as it was. Only the
// bytes of a file that was being sent cannot be kept; the server goes on with them when the same file is picked again.

import { get, post, query } from "../api.js";
import { namesOf, textOf } from "./value_text.js";

const KEPT = "mrdl.new";
const SOON_MS = 350;
/** What is said of columns, in the words of POST /api/inspect; a form has fields of these names. */
export const KINDS_OF_COLUMN = ["number", "category", "date", "hash", "drop"];
export const OF_COLUMNS = [...KINDS_OF_COLUMN, "label", "task", "header", "separator"];
/** The setting of a field, without its group: "label" of "data.label". */
export const settingOf = (field) => field.key.split(".").pop();

class Draft extends EventTarget {
  constructor() {
    super();
    this.forms = {}; // kind -> its form: {groups, examples}
    this.clear();
    this.restore();
  }

  /** Nothing is entered; what of a file was sent stays on the server if it is a whole table. */
  forget() {
    this.clear();
    this.keep();
  }

  clear() {
    this.source = null; // {table, name, size} or {upload, …} while it is sent
    this.upload = null; // the Upload that sends it
    this.found = null; // the answer of POST /api/inspect
    this.lookFault = null; // or why it could not be looked at
    this.lookWait = null; // or that more of it is needed
    this.formId = randomId(); // a start that is sent twice starts once
    this.kind = "run";
    this.values = {}; // key -> text, of the form of `kind`; those that are as by default are not there
    this.toml = "";
    this.fault = null; // {words, from: "form" | "toml"}
    this.title = "";
    this.runner = "";
    this.others = {}; // the values of the other kind
  }

  tell(what, from = "") {
    this.keep();
    this.dispatchEvent(new CustomEvent(what, { detail: from }));
  }

  /** Hear of a change: source, found, values, toml, fault, upload. Gives a function that ends it. */
  hear(what, listener) {
    const heard = (event) => listener(event.detail);
    this.addEventListener(what, heard);
    return () => this.removeEventListener(what, heard);
  }

  // --- the form, its values and the TOML ---

  async form(kind = this.kind) {
    this.forms[kind] ??= await get(`/api/forms/${kind}`);
    return this.forms[kind];
  }

  fields(kind = this.kind) {
    return (this.forms[kind]?.groups ?? []).flatMap((group) => group.fields);
  }

  /** The field that says something of columns: "label" is the key "label" of one form, "data.label" of another. */
  fieldOf(name) {
    return this.fields().find((field) => settingOf(field) === name);
  }

  /** What is said of columns: {label, task, drop: […], …}, as POST /api/inspect takes it. */
  columns() {
    const found = {};
    for (const name of OF_COLUMNS) {
      const text = this.values[this.fieldOf(name)?.key];
      if (text) found[name] = KINDS_OF_COLUMN.includes(name) ? namesOf(text) : text;
    }
    return found;
  }

  /** Say something of columns. value: a text, "" for what is by default, or names. */
  say(name, value) {
    const field = this.fieldOf(name);
    if (field) this.set(field.key, Array.isArray(value) ? textOf(value) : value, "columns");
  }

  /** Take the values of an example in place of all but what is said of columns. */
  begin(example) {
    this.values = { ...this.ofColumns(), ...example.values };
    this.tell("values", "example");
    return this.write();
  }

  /** The values that say something of columns, by key. */
  ofColumns() {
    const keys = OF_COLUMNS.map((name) => this.fieldOf(name)?.key);
    return Object.fromEntries(Object.entries(this.values).filter(([key]) => keys.includes(key)));
  }

  /** Whether the form holds what nobody said in an example, besides what is said of columns. */
  get isOwn() {
    const own = (values) => JSON.stringify(Object.entries(values).sort());
    const now = own(Object.fromEntries(Object.entries(this.values).filter(([key]) => !(key in this.ofColumns()))));
    return now !== "[]" && !this.forms[this.kind].examples.some((example) => own(example.values) === now);
  }

  /** Have another table, or none: what was said of the columns of this one is forgotten. */
  another() {
    this.upload?.cancel();
    for (const key of Object.keys(this.ofColumns())) delete this.values[key];
    Object.assign(this, { source: null, upload: null, found: null, lookFault: null, lookWait: null });
    this.tell("source");
    this.tell("found");
    this.tell("values", "another");
    return this.write();
  }

  /** Change what a form holds. text: "" is as by default; from: who changed it. */
  set(key, text, from) {
    if (text.trim()) this.values[key] = text.trim();
    else delete this.values[key];
    this.tell("values", from);
    this.soon(() => this.write(), "form");
  }

  /** Take the settings from TOML that somebody types. */
  type(toml) {
    this.toml = toml;
    this.keep();
    this.soon(() => this.read(), "toml");
  }

  /** Choose run or sweep; what was said of columns is kept. */
  async choose(kind) {
    await this.form(kind);
    const said = OF_COLUMNS.map((name) => [name, this.values[this.fieldOf(name)?.key]]);
    this.others = { ...this.others, [this.kind]: this.values };
    this.kind = kind;
    this.values = this.others[kind] ?? {};
    for (const key of Object.keys(this.ofColumns())) delete this.values[key];
    for (const [name, text] of said) if (text && this.fieldOf(name)) this.values[this.fieldOf(name).key] = text;
    this.tell("values", "kind");
    await this.write();
  }

  soon(work, from) {
    clearTimeout(this.timer);
    this.asked = (this.asked ?? 0) + 1;
    this.pending = from; // until the other side has followed, nothing can be planned or started
    this.timer = setTimeout(work, SOON_MS);
  }

  /** Have both sides say the same, as after the page was loaded: what was typed last decides. */
  settle() {
    return this.fault?.from === "toml" ? this.read() : this.write();
  }

  write() {
    return this.follow("form", `/api/forms/${this.kind}/toml`, { values: this.values }, ({ toml }) => {
      this.toml = toml;
      this.tell("toml", "form");
    });
  }

  read() {
    return this.follow("toml", `/api/forms/${this.kind}/values`, { toml: this.toml }, ({ values }) => {
      this.values = values;
      this.tell("values", "toml");
      this.tell("toml", "toml");
    });
  }

  async follow(from, path, body, take) {
    clearTimeout(this.timer);
    const asked = (this.asked = (this.asked ?? 0) + 1);
    this.pending = from;
    let fault = null;
    try {
      const answer = await post(path, body);
      if (asked !== this.asked) return;
      take(answer);
    } catch (error) {
      if (asked !== this.asked) return;
      fault = { words: error.message, from };
    }
    this.pending = "";
    this.fault = fault;
    this.tell("fault");
  }

  // --- from one loading of the page to the next ---

  keep() {
    const { source, kind, values, toml, fault, title, runner, others, formId } = this;
    try {
      sessionStorage.setItem(
        KEPT,
        JSON.stringify({ source, kind, values, toml, fault, title, runner, others, formId }),
      );
    } catch {
      // a browser that keeps nothing: the page works, only a reload forgets
    }
  }

  restore() {
    let kept = null;
    try {
      kept = JSON.parse(sessionStorage.getItem(KEPT));
    } catch {
      return;
    }
    if (kept && typeof kept.values === "object") Object.assign(this, kept);
  }
}

/** 32 hex digits; by the call that pages have without TLS, too. */
function randomId() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((one) => one.toString(16).padStart(2, "0")).join("");
}

export const draft = new Draft();

/** The address of what the server lists in a place. */
export const placeOf = (place) => query("/api/browse", { place });
