// The button that logs in with a passkey alone. Where this browser knows one, the field for the email address offers it, too.

import { ApiError, publicRequest } from "./api.js";
import { form, ValidationError } from "./form.js";
import { rememberPasskey } from "./known-passkey.js";
import { explainLoginError } from "./login-errors.js";
import { usePasskey } from "./webauthn.js";

/** Shorter than the 5 minutes for which the service accepts a response to its challenge. */
const MAX_AGE_MS = 240_000;

/**
 * @param {(sessionToken: string) => Promise<void>} onLogin
 */
export function passkeyLogin(onLogin) {
  /** The response of a passkey that the user has chosen in a field. @type {import("../types/contract").CredentialJson | null} */
  let chosen = null;
  let offeredAt = -Infinity;
  const { element, submitButton } = form({
    fields: {},
    submitLabel: "Log in with a passkey",
    async onSubmit() {
      const credential = chosen ?? (await usePasskey(await requestOptions()));
      chosen = null;
      const { session_token } = await logIn(credential);
      rememberPasskey();
      await onLogin(session_token);
    },
  });
  element.classList.add("plain");

  /** Lets the user choose a passkey in the field for the email address, for as long as this form is shown. */
  async function offerInField() {
    if (Date.now() - offeredAt < MAX_AGE_MS) return;
    const startedAt = Date.now();
    offeredAt = startedAt;
    if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
    try {
      const options = await requestOptions();
      // Meanwhile, the user may have opened the browser's prompt, which another ceremony would end.
      if (!element.isConnected || element.ariaBusy === "true") {
        offeredAt = -Infinity;
        return;
      }
      chosen = await usePasskey(options, "conditional");
    } catch (error) {
      // A later offer may have ended this one.
      if (offeredAt === startedAt) offeredAt = -Infinity;
      if (error instanceof ApiError || error instanceof ValidationError) return;
      throw error;
    }
    offeredAt = -Infinity;
    if (element.isConnected) element.requestSubmit();
  }
  return { element, submitButton, offerInField };
}

/** @returns {Promise<import("../types/contract").RequestOptions>} */
function requestOptions() {
  return publicRequest("POST", "/auth/login/options");
}

/**
 * @param {import("../types/contract").CredentialJson} credential
 * @returns {Promise<{ session_token: string }>}
 */
async function logIn(credential) {
  try {
    return await publicRequest("POST", "/auth/login/passkey", { credential });
  } catch (error) {
    if (error instanceof ApiError) explainLoginError(error, "This passkey is not valid here, or it took too long. Try again, or log in with your password.");
    throw error;
  }
}
