// The router: an address is shown by a module that exports `async function show(root, params)`.
//
// `root` is an empty element of the page's own, in the page already. `params` has the parts of the address by name,
// `query` (URLSearchParams) and `signal`, which ends when the page is left. `show` gives a function that cleans up, or nothing.
// An Error that it throws is shown with its words. The first <h1> is the page's title.

import { go, GONE } from "./address.js";
import { get } from "./api.js";
import { empty, fill, h } from "./dom.js";

export { go };

const ROUTES = [
  [/^\/$/, "home"],
  [/^\/new$/, "new"],
  [/^\/workers$/, "workers"],
  [/^\/compare$/, "compare"],
  [/^\/api\/docs$/, "api_docs"],
  [/^\/s\/(?<key>[^/]+)$/, "session"],
  [/^\/s\/(?<key>[^/]+)\/report$/, "report"],
  [/^\/s\/(?<key>[^/]+)\/predict$/, "predict"],
  [/^\/s\/(?<key>[^/]+)\/design\/(?<arch>[^/]+)$/, "design"],
];
let leave = () => {};
let shown = "";

async function open() {
  leave();
  const left = new AbortController();
  let cleanUp = null;
  leave = () => {
    left.abort();
    cleanUp?.();
    document.querySelectorAll("dialog").forEach((box) => box.close());
  };
  const root = h("div", { class: "page" });
  fill(document.getElementById("main"), root, h("p", { class: "loading", role: "status" }, "Loading…"));
  shown = location.pathname + location.search;
  mark();
  try {
    const done = await show(root, left.signal);
    if (left.signal.aborted) return done?.();
    cleanUp = done;
  } catch (error) {
    if (left.signal.aborted) return undefined;
    fill(root, failed(error));
  }
  settle(root);
  return undefined;
}

async function show(root, signal) {
  for (const [pattern, name] of ROUTES) {
    const found = location.pathname.match(pattern);
    if (!found) continue;
    const parts = Object.entries(found.groups ?? {}).map(([part, value]) => [part, decodeURIComponent(value)]);
    const page = await import(`./${name}.js`);
    return page.show(root, { ...Object.fromEntries(parts), query: new URLSearchParams(location.search), signal });
  }
  fill(root, nothing("There is no page at this address."));
  return null;
}

/** The page in place of one that could not be shown. */
function failed(error) {
  if (error.status === 404) return nothing(error.message);
  const again = h("button", { type: "button", onclick: open }, "Try again");
  const text = h("div", { class: "said error", role: "alert" }, error.message);
  return [h("h1", null, "This page cannot be shown"), text, h("div", null, again)];
}

function nothing(words) {
  const title = h("h1", { class: "unseen" }, "Not found");
  return [title, empty("Nothing is here", words, h("a", { class: "button main", href: "/" }, "All sessions"))];
}

/** Name the page, and have readers that do not see start at its head. */
function settle(root) {
  const head = root.querySelector("h1");
  document.title = head ? `${head.textContent} · mrdl` : "mrdl";
  if (!head) return;
  head.tabIndex = -1;
  if (!root.contains(document.activeElement)) head.focus({ preventScroll: true });
  if (location.hash === "") window.scrollTo(0, 0);
}

/** Mark where we are among the pages of the head. */
function mark() {
  for (const link of document.querySelectorAll("nav a")) {
    const here = link.pathname === location.pathname || (link.pathname === "/" && location.pathname.startsWith("/s/"));
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

/** Follow links of this site without loading all again; files, the API and new tabs are the browser's. */
function follow(event) {
  const link = event.target.closest?.("a[href]");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
  if (link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
  if (/^\/(api|static)\//.test(link.pathname) || link.getAttribute("href").startsWith("#")) return;
  event.preventDefault();
  go(link.href);
}

document.addEventListener("click", follow);
window.addEventListener(GONE, open);
window.addEventListener("popstate", () => {
  if (location.pathname + location.search !== shown) open();
});
open();
get("/api/about").then(
  (about) => {
    document.getElementById("place").textContent = about.folder;
    document.getElementById("version").textContent = `mrdl ${about.version}`;
  },
  () => {}, // the page itself says that the server does not answer
);
