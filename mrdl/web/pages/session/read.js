// A session as the server has it: its summary, and what is watched of it.

import { get, session } from "../api.js";

/**
 * A session with its `run` or `sweep`, and all warnings. Throws ApiError, where it is not there of status 404.
 * What is not begun yet has no folder to watch, and an empty `run` or `sweep`.
 */
export async function readSession(key, options) {
  const told = await get(session(key), options);
  const watched = told[told.kind] ?? (await readWatched(key, options))[told.kind] ?? {};
  const warnings = [...(told.warnings ?? []), ...(watched.warnings ?? [])];
  return { ...told, [told.kind]: watched, warnings };
}

async function readWatched(key, options) {
  try {
    return await get(session(key, "watched"), options);
  } catch (error) {
    if (error.name === "AbortError" || error.status === 0) throw error;
    return {};
  }
}
