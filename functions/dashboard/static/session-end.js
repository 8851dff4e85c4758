// Clears the page when the session has ended, so that nobody who comes by later can read it.

import { ApiError, request, serverTime } from "./api.js";
import * as session from "./session.js";

/** @typedef {import("../types/contract").Me} Me */

/** The service ends a session after an hour without use. It records a use once a minute. */
const IDLE_MS = 59 * 60_000;
/** The service ends each session after 12 hours. The minute is for the precision of the clocks. */
const MAX_LIFETIME_MS = (12 * 60 + 1) * 60_000;
/** How long a form stays after the end, so that the user can log in and send it. */
const GRACE_MS = 5 * 60_000;
/** A page that becomes visible again checks the session if its last use is older than this. */
const RECHECK_MS = 60_000;
const CHECK_INTERVAL_MS = 2_000;

/** When the session ends at the latest, and when a kept form is cleared, in milliseconds by the clock of this device. */
let expiresAt = Infinity;
let formEndsAt = Infinity;

/**
 * Returns the member of the session. From now on, the end of this session clears the page.
 * @returns {Promise<Me>}
 */
export async function loadMember() {
  /** @type {Me} */
  const member = await request("GET", "/auth/me");
  const remaining = Date.parse(member.expires_at) - serverTime();
  expiresAt = remaining > 0 && remaining < MAX_LIFETIME_MS ? Date.now() + remaining : Infinity;
  formEndsAt = Infinity;
  return member;
}

/** Lets a form stay on the page for some minutes after the session has ended. */
export function keepForm() {
  formEndsAt = Date.now() + GRACE_MS;
}

/**
 * Calls `onEnd` when the page must be cleared.
 * @param {() => boolean} isShown Whether the page shows what only the member may see.
 * @param {() => void} onEnd
 */
export function watchSession(isShown, onEnd) {
  function check() {
    const endsAt = session.token() === null ? formEndsAt : Math.min(expiresAt, session.lastUse() + IDLE_MS);
    if (isShown() && Date.now() >= endsAt) onEnd();
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
