// The session's token, in this tab's session storage: other tabs don't see it, and a copy of this one does.

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
