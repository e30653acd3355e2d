// Going from one address of this site to another, without loading all again.

export const GONE = "mrdl:gone"; // the event by which the router hears of it

/** Go to an address of this site. replace: true has it in place of the one that is shown. */
export function go(address, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", address);
  window.dispatchEvent(new Event(GONE));
}
