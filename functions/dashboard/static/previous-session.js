import { ApiError, logOut } from "./api.js";
import * as session from "./session.js";

/** Ends the session of this tab, if there is one, before another begins. */
export async function endPreviousSession() {
  const token = session.token();
  if (token === null) return;
  await endSession(token);
  session.clear();
}

/**
 * Ends a session that this tab does not use any more.
 * @param {string} token
 */
export async function endSession(token) {
  try {
    await logOut(token);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    // The session expires after 1 hour without use.
  }
}
