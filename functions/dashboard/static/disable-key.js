import { ApiError, request } from "./api.js";
import { openDialog } from "./dialog.js";
import { element } from "./element.js";
import { form } from "./form.js";
import { showToast } from "./toast.js";

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
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 401) return;
    showToast(error.message);
  }
  onChanged();
}
