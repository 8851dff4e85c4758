// A list of sessions.

import { listItems } from "./api.js";
import { element } from "./element.js";
import { list } from "./list.js";
import { timeElement } from "./time.js";

/** @typedef {import("../types/contract").Session} Session */

/**
 * @param {object} options
 * @param {string} options.caption
 * @param {string} options.path The list's path below `/v1`.
 * @param {(session: Session) => import("./element.js").Child} [options.rowActions]
 */
export function sessionList({ caption, path, rowActions }) {
  /** @type {() => AsyncGenerator<Session>} */
  const read = () => listItems(path);
  return list({
    caption,
    columns: [
      { label: "Device", kind: "primary", cell: deviceCell },
      { label: "IP address", cell: (session) => session.ip_address ?? element("span", { class: "muted" }, "–") },
      { label: "Created", cell: (session) => timeElement(session.created_at) },
      { label: "Last used", cell: (session) => timeElement(session.last_used_at, "Never") },
      { label: "Expires", cell: (session) => timeElement(session.expires_at) },
      ...(rowActions ? [{ label: "Actions", kind: "actions", cell: rowActions }] : []),
    ],
    read,
    emptyState: () => element("p", { class: "empty" }, "No sessions."),
  });
}

/** @param {Session} session */
function deviceCell({ user_agent, current }) {
  return element(
    "span",
    { class: "with-badge", title: user_agent ?? undefined },
    element("strong", {}, deviceName(user_agent)),
    current && element("span", { class: "badge current" }, "this session"),
  );
}

/**
 * Returns a readable name such as "Firefox on Windows" for a `User-Agent` header, or its start if the browser is not known.
 * @param {string | null} userAgent
 */
export function deviceName(userAgent) {
  if (userAgent === null) return "Unknown device";
  const firstMatch = (/** @type {[RegExp, string][]} */ names) => names.find(([pattern]) => pattern.test(userAgent))?.[1];
  const browser = firstMatch([
    [/Edg\//, "Edge"],
    [/OPR\//, "Opera"],
    [/Firefox\//, "Firefox"],
    [/Chrom(e|ium)\//, "Chrome"],
    [/Safari\//, "Safari"],
  ]);
  const system = firstMatch([
    [/Windows/, "Windows"],
    [/iPhone|iPad/, "iOS"],
    [/Mac OS X/, "macOS"],
    [/Android/, "Android"],
    [/Linux/, "Linux"],
  ]);
  if (browser && system) return `${browser} on ${system}`;
  return browser ?? userAgent.slice(0, 60);
}
