// The password screen.

import { ApiError, request } from "./api.js";
import { element } from "./element.js";
import { form, passwordField, ValidationError } from "./form.js";
import { heading } from "./heading.js";
import { showToast } from "./toast.js";

const MIN_LENGTH = 15;

/**
 * @param {HTMLElement} main
 * @param {import("../types/contract").Me} me
 */
export function showPassword(main, me) {
  const currentPassword = passwordField("Current password", "current-password");
  const newPassword = passwordField("New password", "new-password", `${MIN_LENGTH} to 128 characters. Several random words are easy to remember and hard to guess.`);
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
      if ([...newPassword.input.value].length < MIN_LENGTH) throw new ValidationError("new_password", `Use at least ${MIN_LENGTH} characters.`);
      try {
        await request("POST", "/auth/password", { current_password: currentPassword.input.value, new_password: newPassword.input.value });
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
