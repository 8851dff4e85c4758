// The session token. Session storage keeps it for one tab; a duplicated tab gets a copy.

const STORAGE_KEY = "session";
/** In milliseconds by the clock of this device. After a reload, the page starts with a request. */
let lastUsedAt = Date.now();

export function token() {
  return sessionStorage.getItem(STORAGE_KEY);
}

/** @param {string} token */
export function save(token) {
  sessionStorage.setItem(STORAGE_KEY, token);
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

export function clear() {
  sessionStorage.removeItem(STORAGE_KEY);
}
