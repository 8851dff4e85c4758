// The second step of a login: after the password, a passkey or a recovery code.

import { ApiError, publicRequest } from "./api.js";
import { element } from "./element.js";
import { field, form, ValidationError } from "./form.js";
import { rememberPasskey } from "./known-passkey.js";
import { explainLoginError } from "./login-errors.js";
import { arePasskeysSupported, usePasskey } from "./webauthn.js";

/**
 * @param {object} options
 * @param {import("../types/contract").SecondFactor} options.secondFactor
 * @param {() => void} options.onStartOver
 * @param {(sessionToken: string) => Promise<void>} options.onLogin
 */
export function secondFactorStep({ secondFactor, onStartOver, onLogin }) {
  const passkeyForm = form({
    fields: {},
    submitLabel: "Use passkey",
    async onSubmit() {
      const credential = await usePasskey(secondFactor.options);
      const response = await send({ credential }).catch(handlePasskeyError);
      if (!response) return;
      rememberPasskey();
      await onLogin(response.session_token);
    },
  });
  passkeyForm.element.classList.add("plain");
  const passkeyAlert = element("p", { class: "alert", role: "alert", hidden: true });
  const code = field("Recovery code", element("input", { type: "text", autocomplete: "off", spellcheck: "false", autocapitalize: "none" }), "One of the codes that you saved when you added your passkey. Each works once. Lost your passkeys and your codes? Contact the operator of the service: an admin can’t remove them.");
  const codeForm = form({
    fields: { recovery_code: code },
    submitLabel: "Use recovery code",
    async onSubmit() {
      const recovery_code = code.input.value.trim();
      if (recovery_code === "") throw new ValidationError("recovery_code", "Enter a recovery code.");
      const response = await send({ recovery_code }).catch(throwCodeError);
      await onLogin(response.session_token);
    },
  });
  const codeButton = element("button", { type: "button", "aria-expanded": "false", click: showCode }, "Use a recovery code instead");
  const startOverButton = element("button", { type: "button", click: onStartOver }, "Start over");
  const step = element(
    "div",
    { class: "login-steps" },
    element("p", {}, "Your password is right. To log in, confirm that it’s you."),
    passkeyAlert,
    passkeyForm.element,
    codeButton,
    codeForm.element,
    startOverButton,
  );
  codeForm.element.hidden = true;
  if (!arePasskeysSupported()) {
    passkeyForm.element.hidden = true;
    showCode();
  }

  function showCode() {
    codeButton.hidden = true;
    codeForm.element.hidden = false;
    code.input.focus();
  }

  /**
   * @param {{ credential: import("../types/contract").CredentialJson } | { recovery_code: string }} proof
   * @returns {Promise<{ session_token: string }>}
   */
  function send(proof) {
    return publicRequest("POST", "/auth/login/second-factor", { login_token: secondFactor.login_token, ...proof });
  }

  /**
   * Removes the button after a rejected passkey: the rejection has used up the options, so a second attempt would fail, too.
   * @param {unknown} error
   */
  function handlePasskeyError(error) {
    if (!(error instanceof ApiError)) throw error;
    explainLoginError(error, "This passkey is not valid here, or it took too long. Start over with your password, or use a recovery code.");
    if (error.status !== 401) throw error;
    passkeyForm.element.hidden = true;
    passkeyAlert.textContent = error.message;
    passkeyAlert.hidden = false;
    startOverButton.focus();
    return null;
  }

  function focus() {
    if (passkeyForm.element.hidden) code.input.focus();
    else passkeyForm.submitButton.focus();
  }
  return { element: step, focus };
}

/**
 * @param {unknown} error
 * @returns {never}
 */
function throwCodeError(error) {
  if (error instanceof ApiError) explainLoginError(error, "This recovery code is not valid, or it took too long. Try another one, or start over with your password.");
  throw error;
}
