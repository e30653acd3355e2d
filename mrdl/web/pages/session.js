// The page of a session: a run or a sweep, as it goes and as it ended.

import { events } from "./api.js";
import { age, clock, count, h, number, speak, toast } from "./dom.js";
import { head } from "./session/head.js";
import { log, settings, warnings } from "./session/parts.js";
import { readSession } from "./session/read.js";
import { runView } from "./session/run.js";
import { sweepView } from "./sweep/sweep.js";

const SPOKEN_S = 60; // progress is told to those who do not see at most once a minute
const WAITING_MS = 3000; // between looks at what has no folder yet, and so no events

export async function show(root, { key, signal }) {
  const told = await readSession(key, { signal });
  const page = new SessionPage(root, told, signal);
  return page.begin();
}

class SessionPage {
  constructor(root, told, signal) {
    this.told = told;
    this.signal = signal;
    this.heard = null; // when the last event came
    this.spoken = Date.now();
    this.head = head(told, "", () => this.read());
    this.warned = warnings(told.warnings);
    this.life = h("p", { class: "life small muted number" });
    this.view = (told.kind === "sweep" ? sweepView : runView)(told, () => this.read(), signal);
    root.append(this.head.node, this.life, this.warned.node, this.view.node, settings(told), log(told.key));
  }

  begin() {
    const { key, kind } = this.told;
    const heard = (handle) => (data) => {
      this.heard = Date.now();
      handle(data);
    };
    const handlers = {
      state: heard((state) => this.state(state)),
      round: heard((round) => this.view.round?.(round)),
      designs: heard((designs) => this.view.designs?.(designs)),
      warning: heard(({ words }) => this.warned.add(words)),
      reset: heard(() => this.reset()),
      gone: (error) => toast(error.message, "error"),
    };
    const end = events(key, handlers, { after: this.told[kind].last_event_id ?? null });
    const timers = [setInterval(() => this.tick(), 1000), setInterval(() => this.wait(), WAITING_MS)];
    this.tick();
    return () => {
      timers.forEach(clearInterval);
      end();
      this.view.end?.();
    };
  }

  /**
   * Take in an event on how far it is. The words of its state, and what can be done with it, are those of its summary,
   * which is read again when the state is another.
   */
  state({ state, reason, score, ...far }) {
    const scored = typeof score === "object" && score !== null;
    Object.assign(this.told, far, scored ? { score } : { best_score: score });
    this.told.changed = Date.now() / 1000;
    this.showState();
    const told = JSON.stringify([state, reason]);
    if (this.stateTold !== told && (this.stateTold || state !== this.told.state)) this.read();
    this.stateTold = told;
  }

  showState() {
    this.head.update(this.told);
    this.view.state(this.told);
    this.tick();
    this.say();
  }

  /** Read the session again: after a change of state, and when the view misses something. */
  async read() {
    try {
      const told = await readSession(this.told.key, { signal: this.signal });
      for (const name of ["counts", "eta", "best_score"]) delete this.told[name]; // of events, which are older now
      Object.assign(this.told, told);
      told.warnings.forEach(this.warned.add);
      this.view.whole(this.told);
      this.showState();
    } catch (error) {
      if (error.name !== "AbortError" && error.status) toast(error.message, "error");
    }
  }

  wait() {
    if (this.told.state === "waiting" && !document.hidden) this.read();
  }

  reset() {
    this.view.reset?.();
    this.read();
  }

  /** Elapsed time and the last sign of life, so that long work never looks dead. */
  tick() {
    const { state, started, changed } = this.told;
    this.head.update({});
    if (state === "waiting") this.life.textContent = "Waiting for its turn to begin.";
    else if (state === "running") {
      const news = this.heard ? `last news ${age(this.heard / 1000)}` : "";
      this.life.textContent = [started && `started ${age(started)}`, news].filter(Boolean).join(" · ");
    } else {
      const [from, to] = [clock(started), clock(changed)];
      this.life.textContent = [from && `started ${from}`, to && `last changed ${to}`].filter(Boolean).join(" · ");
    }
  }

  say() {
    const { done, of, state, kind } = this.told;
    if (state !== "running" || !of || Date.now() - this.spoken < SPOKEN_S * 1000) return;
    this.spoken = Date.now();
    speak(`${number(done)} of ${count(of, kind === "sweep" ? "design" : "round")} done.`);
  }
}
