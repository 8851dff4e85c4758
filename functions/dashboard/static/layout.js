// The layout around each screen: top bar, menu and logout. Selects the screen by the URL's fragment.

import { ApiError, logOut as endSession } from "./api.js";
import { showAccount } from "./account.js";
import { showAccountUsage } from "./account-usage.js";
import { showApiKeys } from "./api-keys.js";
import { showAuditEvents } from "./audit-events.js";
import { closeDialogs } from "./dialog.js";
import { isBusy, setBusy } from "./busy-button.js";
import { element } from "./element.js";
import { isFormOpen } from "./form.js";
import { showApiKey } from "./key-page.js";
import { showMembers } from "./members.js";
import { showPasskeys } from "./passkeys.js";
import { showPassword } from "./password.js";
import * as session from "./session.js";
import { showSessions } from "./sessions.js";

/** @typedef {import("../types/contract").Me} Me */

/**
 * @typedef {object} Screen
 * @property {string} path
 * @property {string} title
 * @property {boolean} [adminOnly]
 * @property {(main: HTMLElement, me: Me, parameters: URLSearchParams) => void} show
 * @property {(main: HTMLElement, me: Me, id: string) => void} [showItem] Shows one item of the screen, whose ID follows the path.
 */

const PASSKEYS_PATH = "passkeys";

/** @type {[string, Screen[]][]} */
const MENU_SECTIONS = [
  [
    "Settings",
    [
      { path: "api-keys", title: "API keys", show: showApiKeys, showItem: showApiKey },
      { path: "usage", title: "Usage", show: showAccountUsage },
      { path: "account", title: "Account", show: showAccount },
      { path: "members", title: "Team members", adminOnly: true, show: showMembers },
      { path: "audit-events", title: "Audit events", adminOnly: true, show: showAuditEvents },
    ],
  ],
  [
    "Personal settings",
    [
      { path: "sessions", title: "Sessions", show: showSessions },
      { path: "password", title: "Password", show: showPassword },
      { path: PASSKEYS_PATH, title: "Passkeys", show: showPasskeys },
    ],
  ],
];

let listeners = new AbortController();

export function removeLayoutListeners() {
  listeners.abort();
}

/** Opens the screen on which members add a passkey, in place of one that they can't use. A form stays, and says what to do. */
export function openPasskeys() {
  if (isLayoutShown() && !isFormOpen()) location.replace(`#/${PASSKEYS_PATH}`);
}

export function isLayoutShown() {
  return document.getElementById("main") !== null;
}

/**
 * @param {HTMLElement} app
 * @param {Me} me
 * @param {(notice?: string) => void} onLogout
 */
export function showLayout(app, me, onLogout) {
  removeLayoutListeners();
  listeners = new AbortController();
  const isAdmin = me.permissions.includes("admin");
  const sections = MENU_SECTIONS.map(([title, screens]) => ({ title, screens: screens.filter((screen) => isAdmin || !screen.adminOnly) }));
  const screens = sections.flatMap((section) => section.screens);
  const links = new Map(screens.map((screen) => [screen, element("a", { href: `#/${screen.path}`, click: closeMenu }, screen.title)]));
  const main = element("main", { id: "main" });
  const logOutButton = element("button", { type: "button", click: logOut }, "Log out");
  const menu = element(
    "nav",
    { id: "menu", popover: "auto", "aria-label": "Dashboard" },
    ...sections.flatMap(({ title, screens }, index) => [
      element("h2", { id: `menu-section-${index}` }, title),
      element(
        "ul",
        { "aria-labelledby": `menu-section-${index}` },
        ...screens.map((screen) => element("li", {}, links.get(screen))),
      ),
    ]),
    element(
      "div",
      { class: "user" },
      element("p", { title: me.email }, me.email),
      logOutButton,
    ),
  );
  app.replaceChildren(
    element("a", { class: "skip-link", href: "#main", click: skipToContent }, "Skip to content"),
    element(
      "header",
      { class: "top-bar" },
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
  function skipToContent(event) {
    event.preventDefault();
    main.querySelector("h1")?.focus();
  }

  async function logOut() {
    if (isBusy(logOutButton)) return;
    setBusy(logOutButton, true);
    let notice;
    try {
      await endSession(session.token());
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // The token is removed all the same, so that the next user of this browser can't use the session.
      notice = "You are logged out in this browser, but the service couldn’t end your session. It expires after 1 hour without use.";
    }
    session.clear();
    onLogout(notice);
  }

  function showCurrentScreen() {
    const [fullPath, query] = location.hash.replace(/^#\/?/, "").split("?");
    const [path, id] = fullPath.split("/");
    const current = screens.find((screen) => screen.path === path) ?? screens[0];
    for (const [screen, link] of links) {
      if (screen === current) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    closeDialogs();
    closeMenu();
    document.title = `${current.title} · MedTWIN`;
    main.replaceChildren();
    if (id && current.path === path && current.showItem) current.showItem(main, me, id);
    else current.show(main, me, new URLSearchParams(query));
    main.querySelector("h1")?.focus();
    window.scrollTo(0, 0);
  }
  addEventListener("hashchange", showCurrentScreen, { signal: listeners.signal });
  showCurrentScreen();
}
