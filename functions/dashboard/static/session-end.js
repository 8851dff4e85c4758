// Notices the end of the session, and clears what stays on the page after it, so that nobody who comes by later can read it.

import { ApiError, request, serverTime } from "./api.js";
import { logInAgain } from "./rejected-requests.js";
import * as session from "./session.js";

/** @typedef {import("../types/contract").Me} Me */

/** The service ends a session after an hour without use. It records a use once a minute. */
const IDLE_MS = 59 * 60_000;
/** The service ends each session after 12 hours. The minute is for the precision of the clocks. */
const MAX_LIFETIME_MS = (12 * 60 + 1) * 60_000;
/** How long the page may stay after the end, so that the user can log in and continue. */
const GRACE_MS = 5 * 60_000;
/** A page that becomes visible again checks the session if its last use is older than this. */
const RECHECK_MS = 60_000;
const CHECK_INTERVAL_MS = 2_000;

/**
 * Returns the member of the session. From now on, the page notices when this session expires.
 * @returns {Promise<Me>}
 */
export async function loadMember() {
  /** @type {Me} */
  const member = await request("GET", "/auth/me");
  const remaining = Date.parse(member.expires_at) - serverTime();
  session.setExpiry(remaining > 0 && remaining < MAX_LIFETIME_MS ? Date.now() + remaining : Infinity);
  return member;
}

/**
 * Handles the end of a session that nobody uses any more. Calls `onGraceEnd` when the page must be cleared, because nobody has logged in
 * for five minutes after the end.
 * @param {() => boolean} isShown Whether the page shows what only the member may see.
 * @param {() => void} onGraceEnd
 */
export function watchSession(isShown, onGraceEnd) {
  function check() {
    if (!isShown()) return;
    const now = Date.now();
    if (session.token() === null) {
      if (now >= session.lastEnd() + GRACE_MS) onGraceEnd();
    } else if (now >= Math.min(session.expiry(), session.lastUse() + IDLE_MS)) logInAgain();
  }

  /** The session may have ended elsewhere while the page was hidden. */
  async function checkVisible() {
    // A timer may be late, for example after the device has slept.
    check();
    if (document.hidden || !isShown() || session.token() === null || Date.now() < session.lastUse() + RECHECK_MS) return;
    try {
      await request("GET", "/auth/me");
    } catch (error) {
      // A 401 has been handled.
      if (!(error instanceof ApiError)) throw error;
    }
  }
  setInterval(check, CHECK_INTERVAL_MS);
  document.addEventListener("visibilitychange", checkVisible);
}

/**
 * Returns true if the member has authenticated in the last 15 minutes.
 * @param {Me} member
 */
export function hasAuthenticatedRecently({ authenticated_at }) {
  return serverTime() < Date.parse(authenticated_at) + 15 * 60_000;
}
