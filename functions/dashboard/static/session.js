// The session's token, in this tab alone and until it is closed.

const NAME = "session";

/** The token, where somebody is logged in. */
export function token() {
  return sessionStorage.getItem(NAME);
}

/** @param {string} token */
export function begin(token) {
  sessionStorage.setItem(NAME, token);
}

/** Forgets the token. */
export function forget() {
  sessionStorage.removeItem(NAME);
}
