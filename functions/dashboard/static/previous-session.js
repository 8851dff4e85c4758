import { ApiError, logOut } from "./api.js";
import * as session from "./session.js";

/** Ends the session of this tab, if there is one, before another begins. */
export async function endPreviousSession() {
  if (session.token() === null) return;
  try {
    await logOut();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    // The session expires after 1 hour without use.
  }
  session.clear();
}
