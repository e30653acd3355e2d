// What the server's answers stand for when they are refusals, and waiting for it.

/** What the server refused, or that it does not answer. status: HTTP's, 0 for no answer; body: what it sent. */
export class ApiError extends Error {
  constructor(words, status, body) {
    super(words);
    this.status = status;
    this.body = body;
  }
}

export const AWAY = "The server does not answer. If “mrdl web” has ended, start it again: this page goes on by itself.";
const LEFT = "This browser is not logged in here. Open the address that “mrdl web” printed when it started.";

/** The error that an answer stands for. */
export async function refusal(response) {
  let body = null;
  try {
    body = await response.json();
  } catch {
    // not JSON: a proxy's page, or nothing
  }
  const words = body?.error ?? (typeof body?.detail === "string" ? body.detail : "");
  if (response.status === 401) return new ApiError(words || LEFT, 401, body);
  return new ApiError(words || `The server answered ${response.status} ${response.statusText}.`, response.status, body);
}

/** Wait, unless `signal` ends it. */
export function sleep(milliseconds, signal) {
  return new Promise((done, fail) => {
    const end = () => {
      clearTimeout(timer);
      fail(signal.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", end);
      done();
    }, milliseconds);
    if (signal?.aborted) end();
    else signal?.addEventListener("abort", end, { once: true });
  });
}
