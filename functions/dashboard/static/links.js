// Links with a token, which people receive by mail or from an admin. The token is in the fragment, which browsers don't send.

/** @typedef {"accept-invitation" | "reset-password"} LinkKind */

const PATTERN = /^#\/(accept-invitation|reset-password)\/([A-Za-z0-9_-]+)$/;

/**
 * Returns the kind and the token if the page was opened by a link, and removes the token from the address bar and the history.
 * @returns {{ kind: LinkKind, token: string } | null}
 */
export function takeLink() {
  const match = PATTERN.exec(location.hash);
  if (!match) return null;
  history.replaceState(null, "", location.pathname + location.search);
  return { kind: /** @type {LinkKind} */ (match[1]), token: match[2] };
}

/**
 * @param {LinkKind} kind
 * @param {string} token
 */
export function linkUrl(kind, token) {
  const url = new URL(location.href);
  url.search = "";
  url.hash = `#/${kind}/${token}`;
  return url.href;
}
