// The server's API: what goes wrong is an Error with the server's words.

import { ApiError, AWAY, refusal } from "./answers.js";

export { ApiError, AWAY, sleep } from "./answers.js";
export { events } from "./events.js";

/**
 * Ask the server. body: an object goes as JSON, a Blob as it is. options: {signal, text: true for text}.
 * Throws ApiError; a request that `signal` ended throws AbortError.
 */
export async function ask(method, path, body, { signal, text = false } = {}) {
  const headers = {};
  let sent = body;
  if (body instanceof Blob) headers["Content-Type"] = "application/octet-stream";
  else if (body !== undefined) {
    headers["Content-Type"] = "application/json";
    sent = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(path, { method, headers, body: sent, signal, credentials: "same-origin" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(AWAY, 0, null);
  }
  if (!response.ok) throw await refusal(response);
  if (response.status === 204) return null;
  return text ? response.text() : response.json();
}

export const get = (path, options) => ask("GET", path, undefined, options);
export const post = (path, body = {}, options = undefined) => ask("POST", path, body, options);
export const put = (path, body, options) => ask("PUT", path, body, options);
export const del = (path, options) => ask("DELETE", path, undefined, options);

/** A path with a query. Values of null, undefined and "" are left out. */
export function query(path, values) {
  const given = Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const said = new URLSearchParams(given).toString();
  return said ? `${path}?${said}` : path;
}

/** The path of a session in the API; its key may stand for a folder in a folder, "a~b". */
export function session(key, ...more) {
  return ["/api/sessions", encodeURIComponent(key), ...more].join("/");
}
