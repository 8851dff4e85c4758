// The password screen.

import { ApiError, request } from "./api.js";
import { element } from "./element.js";
import { form, passwordField, ValidationError } from "./form.js";
import { heading } from "./heading.js";
import { newPasswordField } from "./new-password-field.js";
import { showToast } from "./toast.js";

/**
 * @param {HTMLElement} main
 * @param {import("../types/contract").Me} me
 */
export function showPassword(main, me) {
  const currentPassword = passwordField("Current password", "current-password");
  const newPassword = newPasswordField("New password", "new_password");
  const passwordForm = form({
    fields: { current_password: currentPassword, new_password: newPassword },
    content: [
      // Tells password managers which login the password belongs to.
      element("input", { type: "text", autocomplete: "username", value: me.email, hidden: true, readonly: true }),
      currentPassword.element,
      newPassword.element,
    ],
    submitLabel: "Change password",
    async onSubmit() {
      if (currentPassword.input.value === "") throw new ValidationError("current_password", "Enter your current password.");
      const body = { current_password: currentPassword.input.value, new_password: newPassword.value() };
      try {
        await request("POST", "/auth/password", body);
      } catch (error) {
        if (error instanceof ApiError && error.message === "Current password is wrong") throw new ValidationError("current_password", "Incorrect password.");
        throw error;
      }
      currentPassword.input.value = newPassword.input.value = "";
      showToast("Password changed. Your other sessions have ended.");
    },
  });
  main.append(heading("Password", "Changing your password ends all your other sessions."), element("div", { class: "panel" }, passwordForm.element));
}
