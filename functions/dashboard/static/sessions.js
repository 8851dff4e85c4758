// The sessions screen.

import { ApiError, listItems, request } from "./api.js";
import { element } from "./element.js";
import { heading } from "./heading.js";
import { list, rowButton } from "./list.js";
import { timeElement } from "./time.js";
import { showToast } from "./toast.js";

/** @typedef {import("../types/contract").Session} Session */

/**
 * @param {HTMLElement} main
 * @param {import("../types/contract").Me} _me
 */
export function showSessions(main, _me) {
  /** @type {() => AsyncGenerator<Session>} */
  const read = () => listItems("/auth/sessions");
  const sessions = list({
    caption: "Your sessions, newest first",
    columns: [
      { label: "Device", kind: "primary", cell: deviceCell },
      { label: "Created", cell: (session) => timeElement(session.created_at) },
      { label: "Last used", cell: (session) => timeElement(session.last_used_at, "Never") },
      { label: "Expires", cell: (session) => timeElement(session.expires_at) },
      { label: "Actions", kind: "actions", cell: rowActions },
    ],
    read,
    emptyState: () => element("p", { class: "empty" }, "No sessions."),
  });

  /** @param {Session} session */
  function rowActions(session) {
    if (session.current) return null;
    return rowButton("End", `session on ${deviceName(session.user_agent)}`, () => end(session), "danger-subtle");
  }

  /** @param {Session} session */
  async function end({ id }) {
    try {
      await request("DELETE", `/auth/sessions/${id}`);
      showToast("Session ended");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) return;
      showToast(error.message);
    }
    sessions.reload();
  }

  main.append(heading("Sessions", "Where you are logged in. A session expires after 1 hour without use, and no later than 12 hours after login."), sessions.element);
  sessions.reload();
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
function deviceName(userAgent) {
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
