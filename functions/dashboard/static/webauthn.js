// Passkeys: the ceremonies of WebAuthn. https://www.w3.org/TR/webauthn-3/

import { ValidationError } from "./form.js";

/** The ceremony that is under way. Browsers refuse a second one. */
let ceremony = new AbortController();

export function arePasskeysSupported() {
  return "PublicKeyCredential" in window && "parseRequestOptionsFromJSON" in PublicKeyCredential;
}

/** Aborts the ceremony that is under way, such as one that waits for the user to choose a passkey in a field. */
export function endCeremony() {
  ceremony.abort();
}

function startCeremony() {
  ceremony.abort();
  ceremony = new AbortController();
  return ceremony.signal;
}

/**
 * Creates a passkey. Returns the credential for the API.
 * @param {import("../types/contract").CreationOptions} options
 */
export async function createPasskey({ publicKey }) {
  try {
    const options = PublicKeyCredential.parseCreationOptionsFromJSON(publicKey);
    return toJson(await navigator.credentials.create({ publicKey: options, signal: startCeremony() }));
  } catch (error) {
    throw forUser(error, {
      NotAllowedError: "No passkey was created. Try again when you are ready.",
      InvalidStateError: "This device already has a passkey for your login. Use another device.",
      ConstraintError: "This device can’t check that it’s you, for example by a PIN, a fingerprint or your face. Use another device.",
      NotSupportedError: "This device can’t create a passkey of the required kind. Use another device.",
    });
  }
}

/**
 * Asks for a passkey. Returns the credential for the API.
 * @param {import("../types/contract").RequestOptions} options
 * @param {CredentialMediationRequirement} [mediation] `conditional` waits until the user chooses a passkey in a field.
 */
export async function usePasskey({ publicKey }, mediation) {
  try {
    const options = PublicKeyCredential.parseRequestOptionsFromJSON(publicKey);
    return toJson(await navigator.credentials.get({ publicKey: options, signal: startCeremony(), ...(mediation && { mediation }) }));
  } catch (error) {
    throw forUser(error, { NotAllowedError: "No passkey was used. Try again when you are ready." });
  }
}

/** @param {Credential | null} credential */
function toJson(credential) {
  return /** @type {PublicKeyCredential} */ (credential).toJSON();
}

/**
 * Replaces an error of the browser by one with a message for the user.
 * @param {unknown} error
 * @param {Record<string, string>} messages By the error's name.
 */
function forUser(error, messages) {
  if (!(error instanceof DOMException)) return error;
  /** @type {Record<string, string>} */
  const all = {
    AbortError: "Another passkey was asked for. Try again.",
    SecurityError: "Passkeys don’t work at this address. Open the dashboard at the address that your admin gave you.",
    ...messages,
  };
  return new ValidationError("credential", all[error.name] ?? "The browser can’t use passkeys right now. Try again.");
}
