// What is around each screen: where one can go, and out.

import { Problem, ask } from "./api.js";
import { openAuditEvents } from "./audit-events.js";
import { closeDialogs } from "./dialog.js";
import { element } from "./element.js";
import { openKeys } from "./keys.js";
import { openMembers } from "./members.js";
import { openPassword } from "./password.js";
import * as session from "./session.js";
import { openSessions } from "./sessions.js";

/** @typedef {import("../types/contract").Me} Me */

/**
 * @typedef {object} Place
 * @property {string} path
 * @property {string} title
 * @property {boolean} [forAdmins]
 * @property {(main: HTMLElement, me: Me, parameters: URLSearchParams) => void} open
 */

/** @type {[string, Place[]][]} */
const PLACES = [
  [
    "Settings",
    [
      { path: "api-keys", title: "API Keys", open: openKeys },
      { path: "members", title: "Team Members", forAdmins: true, open: openMembers },
      { path: "audit-events", title: "Audit Events", forAdmins: true, open: openAuditEvents },
    ],
  ],
  [
    "You",
    [
      { path: "sessions", title: "Sessions", open: openSessions },
      { path: "password", title: "Password", open: openPassword },
    ],
  ],
];

let closed = new AbortController();

/** Ends what the frame listens to. */
export function closeFrame() {
  closed.abort();
}

/**
 * @param {HTMLElement} screen
 * @param {Me} me
 * @param {(why?: string) => void} logIn
 */
export function openFrame(screen, me, logIn) {
  closed = new AbortController();
  const isAdmin = me.permissions.includes("admin");
  const offered = PLACES.map(([name, places]) => /** @type {const} */ ([name, places.filter((place) => isAdmin || !place.forAdmins)]));
  const all = offered.flatMap(([, places]) => places);
  const links = new Map(all.map((place) => [place, element("a", { href: `#/${place.path}`, click: closeMenu }, place.title)]));
  const main = element("main", { id: "main" });
  const menu = element(
    "nav",
    { id: "menu", popover: "auto", "aria-label": "Dashboard" },
    ...offered.flatMap(([name, places], index) => [
      element("h2", { id: `places-${index}` }, name),
      element(
        "ul",
        { "aria-labelledby": `places-${index}` },
        ...places.map((place) => element("li", {}, links.get(place))),
      ),
    ]),
    element(
      "div",
      { class: "who" },
      element("p", { title: me.email }, me.email),
      element("button", { type: "button", click: logOut }, "Log out"),
    ),
  );
  screen.replaceChildren(
    element("a", { class: "skip", href: "#main", click: skip }, "Skip to the content"),
    element(
      "header",
      { class: "bar" },
      element("a", { class: "brand", href: "#/api-keys" }, "MedTWIN"),
      element("button", { type: "button", class: "menu-button", popovertarget: "menu" }, "Menu"),
    ),
    menu,
    main,
  );

  function closeMenu() {
    if (menu.matches(":popover-open")) menu.hidePopover();
  }

  /** @param {Event} event */
  function skip(event) {
    event.preventDefault();
    main.querySelector("h1")?.focus();
  }

  async function logOut() {
    let why;
    try {
      await ask("POST", "/auth/logout");
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      // It has led to the login already.
      if (problem.status === 401) return;
      // Whoever comes to this browser next is to find nothing in it.
      why = "You are logged out here, but the service could not be told. The session ends an hour after it was last used.";
    }
    session.forget();
    logIn(why);
  }

  function go() {
    const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
    const place = all.find((place) => place.path === path) ?? all[0];
    for (const [other, link] of links) {
      if (other === place) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    closeDialogs();
    closeMenu();
    document.title = `${place.title} · MedTWIN`;
    main.replaceChildren();
    place.open(main, me, new URLSearchParams(query));
    main.querySelector("h1")?.focus();
    window.scrollTo(0, 0);
  }
  addEventListener("hashchange", go, { signal: closed.signal });
  go();
}
