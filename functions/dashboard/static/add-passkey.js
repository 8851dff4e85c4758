import { request } from "./api.js";
import { openDialog } from "./dialog.js";
import { element } from "./element.js";
import { field, form, ValidationError } from "./form.js";
import { rememberPasskey } from "./known-passkey.js";
import { showRecoveryCodes } from "./recovery-codes.js";
import { deviceName } from "./session-list.js";
import { showToast } from "./toast.js";
import { createPasskey } from "./webauthn.js";

/**
 * @param {import("../types/contract").Me} me
 * @param {() => void} onAdded
 */
export function openAddPasskeyDialog(me, onAdded) {
  const nameInput = element("input", { type: "text", required: true, maxlength: 100, autocomplete: "off" });
  nameInput.value = deviceName(navigator.userAgent);
  const name = field("Name", nameInput, "How you will recognize it later, for example “Work laptop” or “Blue security key”.");
  openDialog("Add passkey", (close) => [
    element("p", {}, "Your browser asks for a fingerprint, your face, a PIN or a security key. Your other sessions end."),
    form({
      fields: { name },
      submitLabel: "Add passkey",
      onCancel: close,
      async onSubmit() {
        if (nameInput.value.trim() === "") throw new ValidationError("name", "Enter a name.");
        const credential = await createPasskey(await request("POST", "/auth/passkeys/options"));
        /** @type {import("../types/contract").NewPasskey} */
        const passkey = await request("POST", "/auth/passkeys", { name: nameInput.value, credential });
        rememberPasskey();
        if (!me.factors.includes("passkey")) me.factors.push("passkey");
        close();
        onAdded();
        showToast(`Added ${passkey.name}`);
        if (passkey.recovery_codes) showRecoveryCodes(passkey.recovery_codes);
      },
    }).element,
  ]);
}
