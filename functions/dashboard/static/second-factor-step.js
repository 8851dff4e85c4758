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
      await logIn({ credential });
      rememberPasskey();
    },
  });
  passkeyForm.element.classList.add("plain");
  const code = field("Recovery code", element("input", { type: "text", autocomplete: "off", spellcheck: "false", autocapitalize: "none" }), "One of the codes that you saved when you added your passkey. Each works once.");
  const codeForm = form({
    fields: { recovery_code: code },
    submitLabel: "Use recovery code",
    async onSubmit() {
      const recovery_code = code.input.value.trim();
      if (recovery_code === "") throw new ValidationError("recovery_code", "Enter a recovery code.");
      await logIn({ recovery_code });
    },
  });
  const codeButton = element("button", { type: "button", "aria-expanded": "false", click: showCode }, "Use a recovery code instead");
  const step = element(
    "div",
    { class: "login-steps" },
    element("p", {}, "Your password is right. To log in, confirm that it’s you."),
    passkeyForm.element,
    codeButton,
    codeForm.element,
    element("button", { type: "button", click: onStartOver }, "Start over"),
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

  /** @param {{ credential: import("../types/contract").CredentialJson } | { recovery_code: string }} proof */
  async function logIn(proof) {
    const response = await send(proof);
    await onLogin(response.session_token);
  }

  /** @param {object} proof */
  async function send(proof) {
    try {
      return await publicRequest("POST", "/auth/login/second-factor", { login_token: secondFactor.login_token, ...proof });
    } catch (error) {
      if (error instanceof ApiError) explainLoginError(error, "This is not valid, or it took too long. Try again, or start over with your password.");
      throw error;
    }
  }

  function focus() {
    if (passkeyForm.element.hidden) code.input.focus();
    else passkeyForm.submitButton.focus();
  }
  return { element: step, focus };
}
