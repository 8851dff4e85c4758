// The session token. Session storage keeps it for one tab; a duplicated tab gets a copy.

const STORAGE_KEY = "session";

export function token() {
  return sessionStorage.getItem(STORAGE_KEY);
}

/** @param {string} token */
export function save(token) {
  sessionStorage.setItem(STORAGE_KEY, token);
}

export function clear() {
  sessionStorage.removeItem(STORAGE_KEY);
}
