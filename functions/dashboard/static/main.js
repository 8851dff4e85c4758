// Entry point: shows the dashboard if the user is logged in, or else the login screen.

import { ApiError, onSessionEnd, request } from "./api.js";
import { closeDialogs } from "./dialog.js";
import { element } from "./element.js";
import { removeLayoutListeners, showLayout } from "./layout.js";
import { showLogin } from "./login.js";
import * as session from "./session.js";
import { keepTimesCurrent } from "./time.js";

const app = /** @type {HTMLElement} */ (document.getElementById("app"));

/** @param {string} [notice] Why the user must log in. */
function requireLogin(notice) {
  closeDialogs();
  removeLayoutListeners();
  showLogin(app, showDashboard, notice);
}

async function showDashboard() {
  try {
    const me = await request("GET", "/auth/me");
    showLayout(app, me, requireLogin);
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

onSessionEnd(() => requireLogin("Your session has ended. Log in again to continue."));
keepTimesCurrent();
if (session.token()) showDashboard();
else requireLogin();
