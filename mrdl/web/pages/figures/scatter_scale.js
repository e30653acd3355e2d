// The scales of the points of a sweep: what is where on the canvas, and which ticks stand at its axes.

const SPAN = 0.1; // of scores at the least: what differs by less is not to look far apart

/** Room around the plot, in pixels; what failed has a strip below it. */
export const ROOM = { left: 58, right: 14, top: 14, bottom: 44, strip: 22 };

/** A scale of numbers low..high to pixels from..to. log: whether equal ratios have equal room. */
export function scale(low, high, from, to, log = false) {
  const given = log ? Math.log : (value) => value;
  const [a, b] = [given(low), given(high)];
  const unit = b > a ? (to - from) / (b - a) : 0;
  const at = b > a ? (value) => from + (given(value) - a) * unit : () => (from + to) / 2;
  return { low, high, log, at };
}

/** Ticks of a scale, at most about `most`. */
export function ticks({ low, high, log }, most) {
  if (log) return logTicks(low, high, most);
  const rough = (high - low) / most || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].find((each) => each * power >= rough * 0.999) * power;
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++)
    found.push(Number((i * step).toPrecision(12)));
  return found;
}

function logTicks(low, high, most) {
  const from = Math.floor(Math.log10(low));
  const to = Math.ceil(Math.log10(high));
  const steps = to - from <= most / 3 ? [1, 2, 5] : [1];
  const found = [];
  for (let power = from; power <= to; power++) for (const step of steps) found.push(step * 10 ** power);
  const inside = found.filter((value) => value >= low * 0.999 && value <= high * 1.001);
  return inside.length ? inside : [Number(Math.sqrt(low * high).toPrecision(3))];
}

/** A number at an axis: 12000 is "12k". */
export function short(value) {
  if (Math.abs(value) >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (Math.abs(value) >= 1e3) return `${Number((value / 1e3).toPrecision(3))}k`;
  return `${Number(value.toPrecision(3))}`;
}

/**
 * The range of scores that is shown. Of an accuracy all of it; R² has no end below, so that a hundredth of the designs
 * may lie at the lower edge. baseline: is in it where it is known.
 */
export function scoreRange(scores, bounded, baseline) {
  const known = scores.filter(Number.isFinite).sort();
  if (!known.length) return [0, 1];
  let low = bounded ? known[0] : known[Math.floor(known.length * 0.01)];
  let high = known[known.length - 1];
  if (baseline !== null && baseline !== undefined) [low, high] = [Math.min(low, baseline), Math.max(high, baseline)];
  const least = bounded ? SPAN : Math.abs(high) * SPAN || SPAN;
  if (high - low < least) [low, high] = [(low + high - least) / 2, (low + high + least) / 2];
  const room = (high - low) * 0.06;
  return [bounded ? Math.max(0, low - room) : low - room, bounded ? Math.min(1.005, high + room) : high + room];
}
