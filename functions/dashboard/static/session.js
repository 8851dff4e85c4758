// The session token, and when its session ends. Session storage keeps the token for one tab; a duplicated tab gets a copy.

const STORAGE_KEY = "session";
// These times are in milliseconds by the clock of this device.
/** After a reload, the page starts with a request. */
let lastUsedAt = Date.now();
let expiresAt = Infinity;
let endedAt = -Infinity;

export function token() {
  return sessionStorage.getItem(STORAGE_KEY);
}

/** @param {string} token */
export function save(token) {
  sessionStorage.setItem(STORAGE_KEY, token);
  expiresAt = Infinity;
  recordUse();
}

/** Records that a request has used the session. */
export function recordUse() {
  lastUsedAt = Date.now();
}

/** The time of the last use in this tab. */
export function lastUse() {
  return lastUsedAt;
}

/**
 * Sets when the session ends at the latest.
 * @param {number} time
 */
export function setExpiry(time) {
  expiresAt = time;
}

/** The time at which the session ends at the latest, or infinity if it is unknown. */
export function expiry() {
  return expiresAt;
}

/** Removes the token, because the session has ended. */
export function clear() {
  if (token() !== null) endedAt = Date.now();
  sessionStorage.removeItem(STORAGE_KEY);
}

/** The time at which this tab's last session ended. */
export function lastEnd() {
  return endedAt;
}
