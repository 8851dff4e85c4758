// The dialog that asks members to authenticate again before a sensitive change. What they have filled in stays on the page behind it.

import { ApiError, request } from "./api.js";
import { openDialog } from "./dialog.js";
import { element } from "./element.js";
import { form, passwordField, ValidationError } from "./form.js";

/**
 * Returns true if the member has authenticated again.
 * @param {import("../types/contract").Me} member
 * @returns {Promise<boolean>}
 */
export function askForStepUp(member) {
  const { promise, resolve } = Promise.withResolvers();
  let hasSucceeded = false;
  openDialog(
    "Confirm that it’s you",
    (close) => {
      const password = passwordField("Password", "current-password");
      const passwordForm = form({
        fields: { password },
        content: [
          // Tells password managers which login the password belongs to.
          element("input", { type: "text", autocomplete: "username", value: member.email, hidden: true, readonly: true }),
          password.element,
        ],
        submitLabel: "Confirm",
        onCancel: close,
        async onSubmit() {
          // An empty password would count as a failed attempt.
          if (password.input.value === "") throw new ValidationError("password", "Enter your password.");
          await authenticate(password.input.value);
          hasSucceeded = true;
          close();
        },
      });
      password.input.dataset.focus = "";
      return [element("p", {}, "You logged in a while ago, and this change is sensitive. Enter your password to continue. What you have entered is still here."), passwordForm.element];
    },
    { onClosed: () => resolve(hasSucceeded) },
  );
  return promise;
}

/** @param {string} password */
async function authenticate(password) {
  try {
    await request("POST", "/auth/reauthenticate", { password });
  } catch (error) {
    if (error instanceof ApiError && error.code === "FORBIDDEN") throw new ValidationError("password", "Incorrect password.");
    throw error;
  }
}
