// Decides whether a rejected request can be sent again, after the user has done what was missing.

import * as session from "./session.js";

/** @typedef {(hadToken: boolean) => Promise<boolean>} SessionEndHandler */

/** @type {SessionEndHandler} */
let handleSessionEnd = async () => false;
/** @type {() => Promise<boolean>} */
let handleStepUp = async () => false;
let handleSecondFactorRequired = () => {};

/**
 * Sets the callback for when the session has ended, or a request has none. It returns true if the same member has logged in again.
 * @param {SessionEndHandler} handler
 */
export function onSessionEnd(handler) {
  handleSessionEnd = handler;
}

/**
 * Sets the callback for when a change needs a more recent authentication. It returns true if the member has authenticated again.
 * @param {() => Promise<boolean>} handler
 */
export function onStepUp(handler) {
  handleStepUp = handler;
}

/**
 * Sets the callback for when the account requires a second factor, and the session has none.
 * @param {() => void} handler
 */
export function onSecondFactorRequired(handler) {
  handleSecondFactorRequired = handler;
}

/** @type {Promise<boolean> | null} */
let pendingLogin = null;
/** @type {Promise<boolean> | null} */
let pendingStepUp = null;
let stepUps = 0;

/** @typedef {{ token: string | null, stepUps: number }} Attempt */

/**
 * Returns what an attempt to send a request starts with, so that its rejection is not mistaken for one of a later attempt.
 * @returns {Attempt}
 */
export function newAttempt() {
  return { token: session.token(), stepUps };
}

/**
 * @param {{ status: number, code: string }} error
 * @param {Attempt} attempt
 * @returns {Promise<boolean>}
 */
export async function canRepeat({ status, code }, attempt) {
  if (status === 401) return hasLoggedInAgain(attempt);
  if (code === "REAUTHENTICATION_REQUIRED") return hasSteppedUp(attempt);
  if (code === "SECOND_FACTOR_REQUIRED") handleSecondFactorRequired();
  return false;
}

/** @param {Attempt} attempt */
function hasLoggedInAgain({ token }) {
  const isOfCurrentSession = token === session.token();
  if (pendingLogin) {
    // One login is enough for all requests that wait for it. But it waits itself for those of the new session.
    if (token === null || !isOfCurrentSession) return pendingLogin;
    session.clear();
    return false;
  }
  // A 401 for a previous session says nothing about the current one.
  return isOfCurrentSession && logInAgain();
}

/** Handles the end of the session. Returns true if the same member has logged in again. */
export function logInAgain() {
  const hadToken = session.token() !== null;
  session.clear();
  pendingLogin ??= askForLogin(hadToken).finally(() => (pendingLogin = null));
  return pendingLogin;
}

/** @param {boolean} hadToken */
async function askForLogin(hadToken) {
  // A step-up is a login, too.
  if (pendingStepUp && (await pendingStepUp)) return true;
  // Otherwise, another member may have logged in there.
  return session.token() === null && handleSessionEnd(hadToken);
}

/** @param {Attempt} attempt */
function hasSteppedUp(attempt) {
  // The member has authenticated since this request was sent.
  if (!pendingStepUp && (attempt.stepUps !== stepUps || attempt.token !== session.token())) return true;
  return stepUp();
}

/** Asks the member to authenticate again. Returns true if they have. */
export function stepUp() {
  pendingStepUp ??= handleStepUp()
    .then((hasSucceeded) => {
      if (hasSucceeded) stepUps += 1;
      return hasSucceeded;
    })
    .finally(() => (pendingStepUp = null));
  return pendingStepUp;
}
