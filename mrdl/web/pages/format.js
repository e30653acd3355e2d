// Numbers, sizes, times and states as text: the same words on every page.

const UNITS = ["bytes", "kB", "MB", "GB", "TB"];

/** A number with thousands apart and at most `digits` digits that count; "–" for none. */
export function number(value, digits = 4) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (Number.isInteger(value)) return value.toLocaleString("en");
  return value.toLocaleString("en", { maximumSignificantDigits: digits });
}

/** A share of 0..1 as per cent: 0.934 is "93.4 %". */
export function percent(share, digits = 1) {
  return share === null || share === undefined ? "–" : `${(100 * share).toFixed(digits)} %`;
}

/** A size: 1234567 is "1.23 MB". */
export function bytes(size) {
  if (size === null || size === undefined) return "–";
  const power = size < 1000 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(size) / 3));
  return `${Number((size / 1000 ** power).toPrecision(3))} ${UNITS[power]}`;
}

/** Seconds in words: 95 is "1 min 35 s", 7300 is "2 h 2 min". */
export function duration(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  if (seconds < 10) return `${Number(seconds.toPrecision(2))} s`;
  const whole = Math.round(seconds);
  const parts = [
    [86400, "d"],
    [3600, "h"],
    [60, "min"],
    [1, "s"],
  ];
  const first = parts.findIndex(([unit]) => whole >= unit);
  let left = whole;
  const words = [];
  for (const [unit, name] of parts.slice(first, first + 2)) {
    const count = Math.floor(left / unit);
    if (count) words.push(`${count} ${name}`);
    left -= count * unit;
  }
  return words.join(" ");
}

/** A range of seconds: {low_s, high_s} is "3 min to 5 min"; "" for none. */
export function range(eta) {
  if (!eta) return "";
  const [low, high] = [duration(eta.low_s), duration(eta.high_s)];
  return low === high ? low : `${low} to ${high}`;
}

/** A moment as a Date; it comes as seconds since 1970, or as text with a date. */
export function moment(value) {
  return new Date(typeof value === "number" ? value * 1000 : value);
}

/** How long ago a moment was: "just now", "5 min ago", "3 d ago". */
export function age(value) {
  if (value === null || value === undefined || value === "") return "–";
  const seconds = (Date.now() - moment(value)) / 1000;
  if (seconds < 10) return "just now";
  return `${duration(seconds).split(" ").slice(0, 2).join(" ")} ago`;
}

/** A moment by the reader's clock. */
export function clock(value) {
  return value ? moment(value).toLocaleString() : "";
}

/** "1 table", "2 tables". */
export function count(many, one, more = `${one}s`) {
  return `${number(many)} ${many === 1 ? one : more}`;
}
