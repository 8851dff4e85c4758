// The dialog that asks members to authenticate again before a sensitive change. What they have filled in stays on the page behind it.

import { ApiError, request } from "./api.js";
import { openDialog } from "./dialog.js";
import { element } from "./element.js";
import { form, passwordField, ValidationError } from "./form.js";
import { usePasskey } from "./webauthn.js";

/** @typedef {import("../types/contract").Me} Me */

/**
 * Returns true if the member has authenticated again.
 * @param {Me} member
 * @returns {Promise<boolean>}
 */
export function askForStepUp(member) {
  const { promise, resolve } = Promise.withResolvers();
  let hasSucceeded = false;
  openDialog(
    "Confirm that it’s you",
    (close) => {
      function finish() {
        hasSucceeded = true;
        close();
      }
      const notice = element("p", {}, "You logged in a while ago, and this change is sensitive. What you have entered is still here.");
      // Whoever has a passkey has logged in with it, or with a recovery code. The password alone is then not enough.
      const hasPasskey = member.factors.some((factor) => factor !== "password");
      return [notice, hasPasskey ? passkeyForm(member, close, finish) : passwordForm(member, close, finish)];
    },
    { onClosed: () => resolve(hasSucceeded) },
  );
  return promise;
}

/**
 * @param {Me} member
 * @param {() => void} onCancel
 * @param {() => void} onDone
 */
function passwordForm(member, onCancel, onDone) {
  const password = passwordField("Password", "current-password");
  password.input.dataset.focus = "";
  return form({
    fields: { password },
    content: [
      // Tells password managers which login the password belongs to.
      element("input", { type: "text", autocomplete: "username", value: member.email, hidden: true, readonly: true }),
      password.element,
    ],
    submitLabel: "Confirm",
    onCancel,
    async onSubmit() {
      // An empty password would count as a failed attempt.
      if (password.input.value === "") throw new ValidationError("password", "Enter your password.");
      try {
        await request("POST", "/auth/reauthenticate", { password: password.input.value });
      } catch (error) {
        if (error instanceof ApiError && error.code === "FORBIDDEN") throw new ValidationError("password", "Incorrect password.");
        throw error;
      }
      onDone();
    },
  }).element;
}

/**
 * @param {Me} member
 * @param {() => void} onCancel
 * @param {() => void} onDone
 */
function passkeyForm(member, onCancel, onDone) {
  const { element: formElement, submitButton } = form({
    fields: {},
    submitLabel: "Use passkey",
    onCancel,
    async onSubmit() {
      const options = await requestOptions();
      if (options) {
        await request("POST", "/auth/reauthenticate", { credential: await usePasskey(options) });
        onDone();
      } else {
        const replacement = passwordForm(member, onCancel, onDone);
        formElement.replaceWith(replacement);
        /** @type {HTMLElement | null} */ (replacement.querySelector("[data-focus]"))?.focus();
      }
    },
  });
  submitButton.dataset.focus = "";
  return formElement;
}

/**
 * Returns null if the member has no passkey any more.
 * @returns {Promise<import("../types/contract").RequestOptions | null>}
 */
async function requestOptions() {
  try {
    return await request("POST", "/auth/reauthenticate/options");
  } catch (error) {
    if (error instanceof ApiError && error.status === 409) return null;
    throw error;
  }
}
