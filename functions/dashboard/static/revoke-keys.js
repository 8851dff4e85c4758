// Dialogs that revoke several API keys.

import { request } from "./api.js";
import { openConfirmDialog } from "./confirm-dialog.js";
import { element } from "./element.js";
import { showToast } from "./toast.js";

/** @typedef {import("../types/contract").ApiKey} ApiKey */
/** @typedef {{ revoked: string[], more: boolean }} Revocation */

/** The number of IDs that the API accepts in one request. */
const MAX_IDS = 100;
const WARNING = "Requests that use these keys will be rejected immediately. You can’t restore a revoked key.";

/**
 * @param {ApiKey[]} keys
 * @param {() => void} onRevoked
 */
export function openRevokeKeysDialog(keys, onRevoked) {
  let revokedCount = 0;
  openConfirmDialog({
    title: `Revoke ${formatKeys(keys.length)}`,
    warning: WARNING,
    details: element("ul", { class: "names", tabindex: 0, "aria-label": "Keys to revoke" }, ...keys.map(({ name, hint }) => element("li", {}, name, " ", element("code", {}, hint)))),
    nameLabel: "number of keys",
    name: String(keys.length),
    confirmLabel: keys.length === 1 ? "Revoke key" : "Revoke keys",
    async onConfirm() {
      revokedCount = 0;
      for (let start = 0; start < keys.length; start += MAX_IDS) {
        const ids = keys.slice(start, start + MAX_IDS).map(({ id }) => id);
        /** @type {Revocation} */
        const { revoked } = await request("POST", "/api-keys/revoke", { ids });
        revokedCount += revoked.length;
      }
    },
    onDone() {
      onRevoked();
      showToast(`Revoked ${formatKeys(revokedCount)}`);
    },
  });
}

/**
 * Revokes the keys that a member created, and those that these keys created.
 * @param {import("../types/contract").Member} member
 */
export function openRevokeMemberKeysDialog({ id, email }) {
  // A failed attempt may have revoked keys already.
  let revokedCount = 0;
  openConfirmDialog({
    title: `Revoke all keys of ${email}`,
    warning: `${WARNING} This includes keys that the member’s keys created. It leaves out keys whose creator was not recorded: select those on the API keys screen.`,
    nameLabel: "email address",
    name: email,
    confirmLabel: "Revoke keys",
    async onConfirm() {
      for (;;) {
        /** @type {Revocation} */
        const { revoked, more } = await request("POST", "/api-keys/revoke", { created_by: id });
        revokedCount += revoked.length;
        if (!more) return;
      }
    },
    onDone() {
      showToast(`Revoked ${formatKeys(revokedCount)} of ${email}`);
    },
  });
}

/** @param {number} count */
function formatKeys(count) {
  return count === 1 ? "1 API key" : `${count} API keys`;
}
