// The screen on which a member sets a new password, with the link from a mail.

import { ApiError, publicRequest } from "./api.js";
import { element } from "./element.js";
import { form } from "./form.js";
import { showLoggedOutScreen } from "./logged-out.js";
import { newPasswordField } from "./new-password-field.js";
import { endPreviousSession } from "./previous-session.js";

/**
 * @param {HTMLElement} app
 * @param {string} token
 * @param {(notice: string) => void} onChanged
 */
export function showResetPassword(app, token, onChanged) {
  const password = newPasswordField("New password", "new_password");
  password.input.dataset.focus = "";
  const passwordForm = form({
    fields: { new_password: password },
    submitLabel: "Set password",
    async onSubmit() {
      await confirm({ token, new_password: password.value() });
      await endPreviousSession();
      onChanged("Your password is changed, and all your sessions have ended. Log in with the new password.");
    },
  });
  showLoggedOutScreen(app, {
    title: "Set a new password",
    description: "This ends all your sessions. Your passkeys stay as they are.",
    content: [passwordForm.element, element("p", {}, element("a", { href: "#/forgot-password" }, "Get another link"))],
  });
}

/** @param {{ token: string, new_password: string }} body */
async function confirm(body) {
  try {
    await publicRequest("POST", "/auth/password-reset/confirm", body);
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) error.message = "This link is no longer valid. It works once and for 30 minutes, and ends when another link is used. Get another link.";
    throw error;
  }
}
