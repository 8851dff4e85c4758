// The screen on which an invited member chooses a password.

import { ApiError, publicRequest } from "./api.js";
import { element } from "./element.js";
import { form } from "./form.js";
import { showLoggedOutScreen } from "./logged-out.js";
import { newPasswordField } from "./new-password-field.js";
import { endPreviousSession } from "./previous-session.js";
import * as session from "./session.js";

/**
 * @param {HTMLElement} app
 * @param {string} token
 * @param {() => Promise<void>} onLogin Called after the session token is saved.
 */
export function showAcceptInvitation(app, token, onLogin) {
  const password = newPasswordField("Password", "password");
  password.input.dataset.focus = "";
  const passwordForm = form({
    fields: { password },
    submitLabel: "Accept invitation",
    async onSubmit() {
      const response = await accept({ token, password: password.value() });
      await endPreviousSession();
      session.save(response.session_token);
      await onLogin();
    },
  });
  showLoggedOutScreen(app, {
    title: "Accept your invitation",
    description: "Choose a password for your account at MedTWIN. Nobody else will know it, not even the person who invited you.",
    content: [passwordForm.element, element("p", {}, element("a", { href: "#/" }, "Already accepted? Log in"))],
  });
}

/** @param {{ token: string, password: string }} body */
async function accept(body) {
  try {
    return await publicRequest("POST", "/auth/accept-invitation", body);
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) {
      error.message = "This invitation is no longer valid. It works once and for 7 days, and a newer invitation replaces it. If you have accepted it already, log in with the password that you chose. Otherwise, ask an admin of your account to invite you again.";
    }
    throw error;
  }
}
