// The points of a sweep's designs, in arrays: 50,000 objects would be slow.

/** The states that a finished design can have, by their number in the server's answers. */
export const STATES = ["done", "collapsed", "failed"];

export class Points {
  constructor() {
    this.clear();
  }

  clear() {
    this.parameters = [];
    this.depth = [];
    this.score = [];
    this.state = [];
    this.position = [];
    this.at = new Map(); // position -> index
  }

  /** Have a design's point, new or in place of its former one. Gives its index, and whether it is new. */
  put([position, parameters, depth, score, state]) {
    const before = this.at.get(position);
    const i = before ?? this.position.length;
    this.at.set(position, i);
    this.position[i] = position;
    this.parameters[i] = parameters ?? this.parameters[i] ?? null;
    this.depth[i] = depth ?? this.depth[i] ?? null;
    this.score[i] = score ?? Number.NaN;
    this.state[i] = typeof state === "string" ? Math.max(0, STATES.indexOf(state)) : state;
    return [i, before === undefined];
  }
}
