// The login screen.

import { ApiError, formatDuration, login } from "./api.js";
import { element } from "./element.js";
import { field, form, passwordField } from "./form.js";

const SUBMIT_LABEL = "Log in";

/**
 * @param {HTMLElement} app
 * @param {() => Promise<void>} onLogin
 * @param {string} [notice]
 */
export function showLogin(app, onLogin, notice) {
  const email = field(
    "Email",
    element("input", { type: "email", autocomplete: "username", required: true, spellcheck: "false", autocapitalize: "none" }),
  );
  const password = passwordField("Password", "current-password");
  const loginForm = form({
    fields: { email, password },
    submitLabel: SUBMIT_LABEL,
    async onSubmit() {
      try {
        await login(email.input.value, password.input.value);
      } catch (error) {
        if (error instanceof ApiError) handleError(error);
        throw error;
      }
      await onLogin();
    },
  });

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
    const button = loginForm.submitButton;
    clearInterval(countdownTimer);
    countdownTimer = setInterval(() => {
      const seconds = Math.ceil((retryAt - Date.now()) / 1000);
      button.textContent = seconds > 0 ? `Try again in ${formatDuration(seconds)}` : SUBMIT_LABEL;
      if (seconds <= 0) clearInterval(countdownTimer);
    }, 1000);
  }

  document.title = "Log in · MedTWIN";
  app.replaceChildren(
    element(
      "main",
      { class: "login" },
      element("h1", { tabindex: -1 }, "Log in to ", element("strong", {}, "MedTWIN")),
      element("p", { class: "muted" }, "Manage your account’s API keys, team members and sessions."),
      notice && element("p", { class: "notice", role: "alert" }, notice),
      loginForm.element,
    ),
  );
  email.input.focus();
}
