// Sessions: where the member is logged in.

import { Problem, ask, things } from "./api.js";
import { element } from "./element.js";
import { heading } from "./heading.js";
import { list, rowButton } from "./list.js";
import { say } from "./status.js";
import { when } from "./time.js";

/** @typedef {import("../types/contract").Session} Session */

/**
 * @param {HTMLElement} main
 * @param {import("../types/contract").Me} _me
 */
export function openSessions(main, _me) {
  /** @type {() => AsyncGenerator<Session>} */
  const read = () => things("/auth/sessions");
  const sessions = list({
    caption: "Your sessions, the newest first",
    columns: [
      { label: "Where", kind: "main", cell: where },
      { label: "Begun", cell: (session) => when(session.created_at) },
      { label: "Last used", cell: (session) => when(session.last_used_at, "Not yet") },
      { label: "Ends", cell: (session) => when(session.expires_at) },
      { label: "Actions", kind: "actions", cell: actions },
    ],
    read,
    empty: () => element("p", { class: "empty" }, "There is none."),
  });

  /** @param {Session} session */
  function actions(session) {
    if (session.current) return null;
    return rowButton("End", `the session on ${program(session.user_agent)}`, () => end(session), "danger-quiet");
  }

  /** @param {Session} session */
  async function end({ id }) {
    try {
      await ask("DELETE", `/auth/sessions/${id}`);
      say("The session has ended.");
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (problem.status === 401) return;
      say(problem.message);
    }
    sessions.reload();
  }

  main.append(heading("Sessions", "Where you are logged in. One that isn’t used ends after an hour, and each after twelve."), sessions.element);
  sessions.reload();
}

/** @param {Session} session */
function where({ user_agent, current }) {
  return element(
    "span",
    { class: "named", title: user_agent ?? undefined },
    element("strong", {}, program(user_agent)),
    current && element("span", { class: "badge this" }, "this one"),
  );
}

/**
 * What a browser's name for itself means, as far as that can be told.
 * @param {string | null} agent
 */
function program(agent) {
  if (agent === null) return "An unknown program";
  const known = (/** @type {[RegExp, string][]} */ names) => names.find(([pattern]) => pattern.test(agent))?.[1];
  const browser = known([
    [/Edg\//, "Edge"],
    [/OPR\//, "Opera"],
    [/Firefox\//, "Firefox"],
    [/Chrom(e|ium)\//, "Chrome"],
    [/Safari\//, "Safari"],
  ]);
  const system = known([
    [/Windows/, "Windows"],
    [/iPhone|iPad/, "iOS"],
    [/Mac OS X/, "macOS"],
    [/Android/, "Android"],
    [/Linux/, "Linux"],
  ]);
  if (browser && system) return `${browser} on ${system}`;
  return browser ?? agent.slice(0, 60);
}
