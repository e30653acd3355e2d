// The page of a session: a run or a sweep, as it goes and as it ended.

import { events, get, session } from "./api.js";
import { count, duration, h, moment, number, speak, toast } from "./dom.js";
import { runView } from "./session/run.js";
import { head } from "./session/head.js";
import { log, settings, warnings } from "./session/parts.js";
import { sweepView } from "./sweep/sweep.js";

const SPOKEN_S = 60; // progress is told to those who do not see at most once a minute

export async function show(root, { key, signal }) {
  const told = await get(session(key), { signal });
  const page = new SessionPage(root, told, signal);
  return page.begin();
}

class SessionPage {
  constructor(root, told, signal) {
    this.told = told;
    this.signal = signal;
    this.heard = null; // when the last event came
    this.spoken = Date.now();
    this.head = head(told, "", (now) => this.changed(now));
    this.warned = warnings(told.warnings ?? []);
    this.life = h("p", { class: "life small muted number" });
    this.view = (told.kind === "sweep" ? sweepView : runView)(told, () => this.read(), signal);
    root.append(this.head.node, this.warned.node, this.life, this.view.node, settings(told), log(told.key));
  }

  begin() {
    const { key } = this.told;
    const heard = (handle) => (data) => {
      this.heard = Date.now();
      handle(data);
    };
    const end = events(key, {
      state: heard((state) => this.changed(state)),
      round: heard((round) => this.view.round?.(round)),
      designs: heard((designs) => this.view.designs?.(designs)),
      warning: heard(({ words }) => this.warned.add(words)),
      reset: heard(() => this.reset()),
      gone: (error) => toast(error.message, "error"),
    });
    const timer = setInterval(() => this.tick(), 1000);
    this.tick();
    return () => {
      clearInterval(timer);
      end();
      this.view.end?.();
    };
  }

  /** Take in what changed of the session; what can be done with it hangs on its state, which the server knows. */
  changed(now) {
    const before = this.told.state;
    Object.assign(this.told, now, { changed: now.changed ?? Date.now() / 1000 });
    this.head.update(now.changed ? now : { ...now, changed: this.told.changed });
    this.view.state(this.told);
    this.tick();
    this.say();
    if (now.state && before !== now.state) this.read();
  }

  /** Read the session again: after a change of state, and when the view misses something. */
  async read() {
    try {
      const told = await get(session(this.told.key), { signal: this.signal });
      Object.assign(this.told, told);
      this.head.update(told);
      (told.warnings ?? []).forEach(this.warned.add);
      this.view.state(this.told);
      this.view.whole?.(this.told);
    } catch (error) {
      if (error.name !== "AbortError" && error.status) toast(error.message, "error");
    }
  }

  reset() {
    this.view.reset?.();
    this.read();
  }

  /** Elapsed time and the last sign of life, so that long work never looks dead. */
  tick() {
    const { state, started, changed } = this.told;
    const since = started ? moment(started).getTime() : null;
    const until = state === "running" ? Date.now() : changed ? moment(changed).getTime() : null;
    const took =
      since && until
        ? `${state === "running" ? "running for" : "took"} ${duration(Math.max(1, Math.round((until - since) / 1000)))}`
        : "";
    const quiet =
      state === "running" && this.heard
        ? `last news ${duration(Math.max(1, Math.round((Date.now() - this.heard) / 1000)))} ago`
        : "";
    const words = state === "waiting" ? "Waiting for its turn to begin." : [took, quiet].filter(Boolean).join(" · ");
    this.life.textContent = words;
    this.view.tick?.();
  }

  say() {
    const { done, of, state, kind } = this.told;
    if (state !== "running" || !of || Date.now() - this.spoken < SPOKEN_S * 1000) return;
    this.spoken = Date.now();
    speak(`${number(done)} of ${count(of, kind === "sweep" ? "design" : "round")} done.`);
  }
}
