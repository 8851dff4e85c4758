// The form for the email address and the password, the second step that may follow, and the login with a passkey alone.

import { ApiError, formatDuration, publicRequest } from "./api.js";
import { element } from "./element.js";
import { field, form, passwordField, ValidationError } from "./form.js";
import { isPasskeyKnown } from "./known-passkey.js";
import { explainLoginError } from "./login-errors.js";
import { passkeyLogin } from "./passkey-login.js";
import { secondFactorStep } from "./second-factor-step.js";
import * as session from "./session.js";
import { arePasskeysSupported, endCeremony } from "./webauthn.js";

const SUBMIT_LABEL = "Log in";

/**
 * @param {object} options
 * @param {string} [options.initialEmail]
 * @param {() => void} [options.onCancel]
 * @param {() => Promise<void>} options.onLogin Called after the session token is saved.
 */
export function loginForm({ initialEmail = "", onCancel, onLogin }) {
  const emailInput = element("input", { type: "email", autocomplete: "username webauthn", required: true, spellcheck: "false", autocapitalize: "none" });
  emailInput.value = initialEmail;
  const email = field("Email", emailInput);
  const password = passwordField("Password", "current-password");
  const { element: formElement, submitButton } = form({ fields: { email, password }, submitLabel: SUBMIT_LABEL, onCancel, onSubmit: submit });
  const passkey = arePasskeysSupported() ? passkeyLogin(finish) : null;
  const steps = element("div", { class: "login-steps" });
  showFirstStep();

  function showFirstStep() {
    const isPasskeyFirst = passkey !== null && isPasskeyKnown();
    submitButton.classList.toggle("primary", !isPasskeyFirst);
    passkey?.submitButton.classList.toggle("primary", isPasskeyFirst);
    if (isPasskeyFirst) {
      steps.replaceChildren(passkey.element, separator(), formElement);
      passkey.submitButton.dataset.focus = "";
      emailInput.addEventListener("focus", passkey.offerInField);
      passkey.offerInField();
    } else {
      steps.replaceChildren(formElement, ...(passkey ? [separator(), passkey.element] : []));
      (initialEmail === "" ? emailInput : password.input).dataset.focus = "";
    }
  }

  async function submit() {
    // An empty field would count as a failed attempt.
    if (emailInput.value.trim() === "") throw new ValidationError("email", "Enter your email address.");
    if (password.input.value === "") throw new ValidationError("password", "Enter your password.");
    /** @type {import("../types/contract").Login} */
    let response;
    try {
      response = await publicRequest("POST", "/auth/login", { email: emailInput.value, password: password.input.value });
    } catch (error) {
      if (error instanceof ApiError) handleError(error);
      throw error;
    }
    if ("second_factor" in response) showSecondStep(response.second_factor);
    else await finish(response.session_token);
  }

  /** @param {import("../types/contract").SecondFactor} secondFactor */
  function showSecondStep(secondFactor) {
    const step = secondFactorStep({ secondFactor, onStartOver: startOver, onLogin: finish });
    password.input.value = "";
    steps.replaceChildren(step.element);
    step.focus();
  }

  function startOver() {
    showFirstStep();
    (emailInput.value === "" ? emailInput : password.input).focus();
  }

  /** @param {string} token */
  async function finish(token) {
    endCeremony();
    session.save(token);
    await onLogin();
  }

  /** @param {ApiError} error */
  function handleError(error) {
    explainLoginError(error, "Incorrect email or password.");
    if (error.status === 429) handleTooManyAttempts(error);
    // After other errors, the user can send the same password again.
    if (error.status !== 401 && error.status !== 403) return;
    password.input.value = "";
    password.input.focus();
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
  return { element: steps };
}

function separator() {
  return element("p", { class: "separator" }, "or");
}
