// Entry point: shows the dashboard if the user is logged in, or else the login screen.

import { ApiError, request } from "./api.js";
import { closeDialogs } from "./dialog.js";
import { element } from "./element.js";
import { isFormOpen } from "./form.js";
import { isLayoutShown, removeLayoutListeners, showLayout } from "./layout.js";
import { showLogin } from "./login.js";
import { askForNewLogin } from "./new-login.js";
import { onSessionEnd, onStepUp } from "./rejected-requests.js";
import * as session from "./session.js";
import { askForStepUp } from "./step-up.js";
import { keepTimesCurrent } from "./time.js";

const app = /** @type {HTMLElement} */ (document.getElementById("app"));
/** The member whose dashboard is shown. @type {import("../types/contract").Me | null} */
let shownMember = null;

/** @param {string} [notice] Why the user must log in. */
function requireLogin(notice) {
  closeDialogs();
  removeLayoutListeners();
  showLogin(app, showDashboard, notice);
}

async function showDashboard() {
  try {
    shownMember = await request("GET", "/auth/me");
    if (shownMember) showLayout(app, shownMember, requireLogin);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    // After a 401, the login screen is already shown.
    if (error.status !== 401) showError(error);
  }
}

/** @param {ApiError} error */
function showError(error) {
  app.replaceChildren(
    element(
      "main",
      { class: "login" },
      element("div", { class: "alert", role: "alert" }, error.message),
      element("button", { type: "button", class: "primary", click: showDashboard }, "Try again"),
    ),
  );
}

/**
 * Asks for a new login. A form that the user may have filled in stays open meanwhile.
 * @param {boolean} hadToken
 */
async function handleSessionEnd(hadToken) {
  if (shownMember && isLayoutShown() && isFormOpen()) return askForNewLogin(shownMember, handleOtherMember);
  // Without a token and without the layout, the login screen is already shown.
  if (hadToken || isLayoutShown()) requireLogin("Your session has ended. Log in again to continue.");
  return false;
}

/** Shows the dashboard of the member who has logged in instead of the one before, without what that one had open. */
function handleOtherMember() {
  closeDialogs();
  removeLayoutListeners();
  showDashboard();
}

onSessionEnd(handleSessionEnd);
onStepUp(async () => shownMember !== null && askForStepUp(shownMember));
keepTimesCurrent();
if (session.token()) showDashboard();
else requireLogin();
