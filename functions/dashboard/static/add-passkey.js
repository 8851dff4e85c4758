import { ApiError, request } from "./api.js";
import { openDialog } from "./dialog.js";
import { element } from "./element.js";
import { field, form, ValidationError } from "./form.js";
import { rememberPasskey } from "./known-passkey.js";
import { showRecoveryCodes } from "./recovery-codes.js";
import { deviceName } from "./session-list.js";
import { showToast } from "./toast.js";
import { createPasskey, endCeremony } from "./webauthn.js";

/**
 * @param {import("../types/contract").Me} me
 * @param {() => void} onAdded
 */
export function openAddPasskeyDialog(me, onAdded) {
  const nameInput = element("input", { type: "text", required: true, maxlength: 100, autocomplete: "off" });
  nameInput.value = deviceName(navigator.userAgent);
  const name = field("Name", nameInput, "How you will recognize it later, for example “Work laptop” or “Blue security key”.");
  /** @param {() => void} close */
  const content = (close) => [
    element("p", {}, "Your browser asks for a fingerprint, your face, a PIN or a security key. Your other sessions end."),
    form({
      fields: { name },
      submitLabel: "Add passkey",
      onCancel: close,
      async onSubmit() {
        if (nameInput.value.trim() === "") throw new ValidationError("name", "Enter a name.");
        const credential = await createPasskey(await request("POST", "/auth/passkeys/options"));
        const passkey = await add({ name: nameInput.value, credential });
        close();
        onAdded();
        if (passkey instanceof ApiError) {
          openUncertainPasskeyDialog(passkey);
          return;
        }
        rememberPasskey();
        if (!me.factors.includes("passkey")) me.factors.push("passkey");
        showToast(`Added ${passkey.name}`);
        if (passkey.recovery_codes) showRecoveryCodes(passkey.recovery_codes, me.email);
      },
    }).element,
  ];
  openDialog("Add passkey", content, { onClosed: endCeremony });
}

/**
 * Returns the error if the service may have added the passkey in spite of it.
 * @param {{ name: string, credential: import("../types/contract").CredentialJson }} body
 * @returns {Promise<import("../types/contract").NewPasskey | ApiError>}
 */
async function add(body) {
  try {
    return await request("POST", "/auth/passkeys", body);
  } catch (error) {
    if (error instanceof ApiError && error.mayHaveSucceeded) return error;
    throw error;
  }
}

/**
 * Explains that there may be a passkey whose recovery codes the user has not seen.
 * @param {ApiError} error
 */
function openUncertainPasskeyDialog(error) {
  openDialog("Adding the passkey failed", (close) => [
    element("p", {}, error.message),
    element("p", {}, "The passkey may have been added. If the list shows it and it is your first one, make new recovery codes, because you have not seen those that came with it."),
    element("div", { class: "buttons" }, element("button", { type: "button", class: "primary", click: close }, "OK")),
  ]);
}
