// What a member can do with an API key.

import { enableKey, openDisableKeyDialog } from "./disable-key.js";
import { openEditKeyDialog } from "./edit-key.js";
import { openRevokeKeyDialog } from "./revoke-key.js";
import { openRotateKeyDialog } from "./rotate-key.js";

/** @typedef {import("../types/contract").ApiKey} ApiKey */
/** @typedef {import("../types/contract").Me} Me */

/** @typedef {import("./menu.js").Action} Action */

/**
 * Returns true if the member may change, rotate and revoke the key.
 * @param {ApiKey} key
 * @param {Me} me
 */
function isManageable(key, me) {
  return me.permissions.includes("admin") || key.created_by === me.user_id;
}

/**
 * Returns true if the member may rotate the key. The new secret gives the member all permissions of the key.
 * @param {ApiKey} key
 * @param {Me} me
 */
export function canRotate(key, me) {
  return key.status === "active" && isManageable(key, me) && hasAllPermissions(key, me);
}

/**
 * Returns the actions that the member may take, as far as the key and the member show it. The API decides.
 * @param {ApiKey} key
 * @param {Me} me
 * @param {() => void} onChanged
 * @returns {Action[]}
 */
export function keyActions(key, me, onChanged) {
  if (key.status === "revoked" || !isManageable(key, me)) return [];
  const { status } = key;
  const isEnablable = (status === "disabled" || (status === "idle" && me.permissions.includes("admin"))) && hasAllPermissions(key, me);
  /** @type {(Action | false)[]} */
  const actions = [
    (status === "active" || status === "disabled") && { label: "Edit", start: () => openEditKeyDialog(key, me, onChanged) },
    canRotate(key, me) && { label: "Rotate", start: () => openRotateKeyDialog(key, onChanged) },
    status === "active" && { label: "Disable", start: () => openDisableKeyDialog(key, onChanged) },
    isEnablable && { label: "Enable", start: () => enableKey(key, onChanged) },
    { label: "Revoke", start: () => openRevokeKeyDialog(key, onChanged), isDestructive: true },
  ];
  return actions.filter((action) => action !== false);
}

/**
 * @param {ApiKey} key
 * @param {Me} me
 */
function hasAllPermissions(key, me) {
  return key.permissions.every((permission) => me.permissions.includes(permission));
}
