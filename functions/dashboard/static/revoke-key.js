import { request } from "./api.js";
import { openConfirmDialog } from "./confirm-dialog.js";
import { showToast } from "./toast.js";

/**
 * @param {import("../types/contract").ApiKey} key
 * @param {() => void} onRevoked
 */
export function openRevokeKeyDialog(key, onRevoked) {
  openConfirmDialog({
    title: `Revoke ${key.name}`,
    warning: "Requests that use this key will be rejected immediately. You can’t restore a revoked key.",
    nameLabel: "name",
    name: key.name,
    confirmLabel: "Revoke key",
    async onConfirm() {
      await request("DELETE", `/api-keys/${key.id}`);
    },
    onDone() {
      onRevoked();
      showToast(`Revoked ${key.name}`);
    },
  });
}
