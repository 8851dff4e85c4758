// The form for the email address and the password.

import { ApiError, formatDuration, publicRequest } from "./api.js";
import { element } from "./element.js";
import { field, form, passwordField, ValidationError } from "./form.js";
import * as session from "./session.js";

const SUBMIT_LABEL = "Log in";

/**
 * @param {object} options
 * @param {string} [options.initialEmail]
 * @param {() => void} [options.onCancel]
 * @param {() => Promise<void>} options.onLogin Called after the session token is saved.
 */
export function loginForm({ initialEmail = "", onCancel, onLogin }) {
  const emailInput = element("input", { type: "email", autocomplete: "username", required: true, spellcheck: "false", autocapitalize: "none" });
  emailInput.value = initialEmail;
  const email = field("Email", emailInput);
  const password = passwordField("Password", "current-password");
  (initialEmail === "" ? emailInput : password.input).dataset.focus = "";
  const { element: formElement, submitButton } = form({ fields: { email, password }, submitLabel: SUBMIT_LABEL, onCancel, onSubmit: submit });

  async function submit() {
    // An empty field would count as a failed attempt.
    if (emailInput.value.trim() === "") throw new ValidationError("email", "Enter your email address.");
    if (password.input.value === "") throw new ValidationError("password", "Enter your password.");
    try {
      const response = await publicRequest("POST", "/auth/login", { email: emailInput.value, password: password.input.value });
      session.save(response.session_token);
    } catch (error) {
      if (error instanceof ApiError) handleError(error);
      throw error;
    }
    await onLogin();
  }

  /** @param {ApiError} error */
  function handleError(error) {
    password.input.value = "";
    password.input.focus();
    if (error.status === 401) error.message = "Incorrect email or password.";
    if (error.status === 403) error.message = "Your access is suspended. Contact an admin of your account, or support.";
    if (error.status === 429) handleTooManyAttempts(error);
  }

  let countdownTimer = 0;
  /** @param {ApiError} error */
  function handleTooManyAttempts(error) {
    const retryAt = Date.now() + error.retryAfter * 1000;
    error.message = `Too many login attempts with this email or from your network. Wait ${formatDuration(error.retryAfter)}, then try again.`;
    clearInterval(countdownTimer);
    countdownTimer = setInterval(() => {
      const seconds = Math.ceil((retryAt - Date.now()) / 1000);
      submitButton.textContent = seconds > 0 ? `Try again in ${formatDuration(seconds)}` : SUBMIT_LABEL;
      if (seconds <= 0) clearInterval(countdownTimer);
    }, 1000);
  }
  return { element: formElement };
}
