// Entry point: shows the dashboard if the user is logged in, or else the login screen or what a link opens.

import { showAcceptInvitation } from "./accept-invitation.js";
import { ApiError, SESSION_ENDED } from "./api.js";
import { closeAllDialogs } from "./dialog.js";
import { element } from "./element.js";
import { showForgotPassword } from "./forgot-password.js";
import { isFormOpen } from "./form.js";
import { isLayoutShown, openPasskeys, removeLayoutListeners, showLayout } from "./layout.js";
import { takeLink } from "./links.js";
import { showLoggedOutScreen } from "./logged-out.js";
import { showLogin } from "./login.js";
import { askForNewLogin, askForStepUp } from "./new-login.js";
import { onSecondFactorRequired, onSessionEnd, onStepUp } from "./rejected-requests.js";
import { showResetPassword } from "./reset-password.js";
import { loadMember, watchSession } from "./session-end.js";
import * as session from "./session.js";
import { isShownOnceDialogOpen } from "./shown-once-dialog.js";
import { keepTimesCurrent } from "./time.js";

const app = /** @type {HTMLElement} */ (document.getElementById("app"));
/** The member whose dashboard is shown. @type {import("../types/contract").Me | null} */
let shownMember = null;

/** @param {string} [notice] Why the user must log in. */
function requireLogin(notice) {
  shownMember = null;
  closeAllDialogs();
  removeLayoutListeners();
  showLogin(app, showDashboard, notice);
}

/** Shows what the URL's fragment names, if it is not a screen of the layout, which handles those itself. */
function showByFragment() {
  const link = takeLink();
  if (link) showLink(link);
  else if (isLayoutShown()) return;
  else if (location.hash === "#/forgot-password") showForgotPassword(app);
  else if (session.token()) showDashboard();
  else requireLogin();
}

/** @param {{ kind: import("./links.js").LinkKind, token: string }} link */
function showLink({ kind, token }) {
  closeAllDialogs();
  removeLayoutListeners();
  if (kind === "accept-invitation") showAcceptInvitation(app, token, showDashboard);
  else showResetPassword(app, token, requireLogin);
}

async function showDashboard() {
  // Until then, a form shows that it waits.
  if (!isLayoutShown() && app.querySelector("form") === null) showLoading();
  try {
    shownMember = await loadMember();
    showLayout(app, shownMember, requireLogin);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    // After a 401, the login screen is already shown.
    if (error.status !== 401) showError(error);
  }
}

function showLoading() {
  app.replaceChildren(element("main", { class: "login" }, element("p", { class: "muted", role: "status" }, "Loading…")));
}

/** @param {ApiError} error */
function showError(error) {
  showLoggedOutScreen(app, {
    title: "The dashboard can’t be shown",
    description: error.message,
    content: [element("button", { type: "button", class: "primary", click: showDashboard }, "Try again")],
  });
}

/**
 * Asks for a new login. The page stays meanwhile if the user may have filled in a form, or not saved a secret that is shown once.
 * @param {boolean} hadToken
 */
async function handleSessionEnd(hadToken) {
  if (shownMember && isLayoutShown() && (isFormOpen() || isShownOnceDialogOpen())) return askForNewLogin(shownMember, handleOtherMember);
  // Without a token and without the layout, the login screen is already shown.
  if (hadToken || isLayoutShown()) requireLogin(SESSION_ENDED);
  return false;
}

/** Shows the dashboard of the other member who has logged in, and removes what the first one had open. */
function handleOtherMember() {
  closeAllDialogs();
  removeLayoutListeners();
  app.replaceChildren();
  showDashboard();
}

onSessionEnd(handleSessionEnd);
onStepUp(async () => shownMember !== null && askForStepUp(shownMember, handleOtherMember));
onSecondFactorRequired(openPasskeys);
keepTimesCurrent();
watchSession(isLayoutShown, () => requireLogin(SESSION_ENDED));
// Before the listener of the layout, which a link replaces.
addEventListener("hashchange", showByFragment);
showByFragment();
