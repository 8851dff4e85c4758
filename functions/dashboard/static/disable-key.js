import { ApiError, request } from "./api.js";
import { openDialog } from "./dialog.js";
import { element } from "./element.js";
import { expiryField } from "./expiry-field.js";
import { form } from "./form.js";
import { toRfc3339 } from "./time.js";
import { showRequestError, showToast } from "./toast.js";

/** @typedef {import("../types/contract").ApiKey} ApiKey */

/**
 * @param {ApiKey} key
 * @param {() => void} onChanged
 */
export function openDisableKeyDialog(key, onChanged) {
  openDialog(`Disable ${key.name}`, (close) => [
    element("p", {}, "Requests that use this key will be rejected until you enable it again."),
    form({
      fields: {},
      submitLabel: "Disable key",
      isDestructive: true,
      onCancel: close,
      async onSubmit() {
        await request("PATCH", `/api-keys/${key.id}`, { disabled: true });
        close();
        onChanged();
        showToast(`Disabled ${key.name}`);
      },
    }).element,
  ]);
}

/**
 * @param {ApiKey} key
 * @param {() => void} onChanged
 */
export async function enableKey(key, onChanged) {
  try {
    await request("PATCH", `/api-keys/${key.id}`, { disabled: false });
    showToast(`Enabled ${key.name}`);
  } catch (error) {
    if (error instanceof ApiError && error.field === "expires_at") return openEnableKeyDialog(key, onChanged);
    if (!showRequestError(error)) return;
  }
  onChanged();
}

/**
 * Asks for an expiry, because the account's policy does not accept the present one of the key.
 * @param {ApiKey} key
 * @param {() => void} onChanged
 */
function openEnableKeyDialog(key, onChanged) {
  const expiry = expiryField();
  openDialog(`Enable ${key.name}`, (close) => [
    element("p", {}, "The policy of the account limits how long a key may live. Select when this key expires."),
    form({
      fields: { expires_at: expiry },
      submitLabel: "Enable key",
      onCancel: close,
      async onSubmit() {
        const expiresAt = expiry.time();
        await request("PATCH", `/api-keys/${key.id}`, { disabled: false, expires_at: expiresAt ? toRfc3339(expiresAt) : null });
        close();
        onChanged();
        showToast(`Enabled ${key.name}`);
      },
    }).element,
  ]);
}
