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

/**
 * @param {Credential | null} created
 * @returns {import("../types/contract").CredentialJson}
 */
function toJson(created) {
  const credential = /** @type {PublicKeyCredential} */ (created);
  try {
    return credential.toJSON();
  } catch {
    // Some password managers return an object of their own, on which the browser's method throws.
    return toJsonByHand(credential);
  }
}

/** @param {PublicKeyCredential} credential */
function toJsonByHand({ id, rawId, type, response }) {
  /** @type {Record<string, any>} */
  const { clientDataJSON, attestationObject, authenticatorData, signature, userHandle } = response;
  return {
    id,
    rawId: base64url(rawId),
    type,
    clientExtensionResults: {},
    response: {
      clientDataJSON: base64url(clientDataJSON),
      ...(attestationObject
        ? { attestationObject: base64url(attestationObject), transports: /** @type {AuthenticatorAttestationResponse} */ (response).getTransports?.() ?? [] }
        : { authenticatorData: base64url(authenticatorData), signature: base64url(signature), ...(userHandle && { userHandle: base64url(userHandle) }) }),
    },
  };
}

/** @param {ArrayBuffer} bytes */
function base64url(bytes) {
  return btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/**
 * Replaces an error of the browser, or of a password manager, by one with a message for the user.
 * @param {unknown} error
 * @param {Record<string, string>} messages By the error's name.
 */
function forUser(error, messages) {
  /** @type {Record<string, string>} */
  const all = {
    AbortError: "Another passkey was asked for. Try again.",
    SecurityError: "Passkeys don’t work at this address. Open the dashboard at the address that your admin gave you.",
    ...messages,
  };
  return new ValidationError("credential", (error instanceof DOMException && all[error.name]) || "The browser can’t use passkeys right now. Try again.");
}
