// The four permissions, and what each lets.

import { element } from "./element.js";
import { choice, group } from "./form.js";

/** @typedef {import("../types/contract").PermissionName} PermissionName */

/** @type {[PermissionName, string][]} */
const PERMISSIONS = [
  ["read", "See data: GET requests."],
  ["write", "Make and change data: POST, PUT and PATCH requests."],
  ["delete", "Delete data: DELETE requests."],
  ["admin", "Manage team members, billing and other API keys."],
];

/**
 * Checkboxes of those that may be given.
 * @param {PermissionName[]} offered
 * @param {PermissionName[]} given
 * @param {string} whose
 */
export function permissionsField(offered, given, whose) {
  const boxes = PERMISSIONS.filter(([name]) => offered.includes(name)).map(([name, meaning]) => {
    const input = element("input", { type: "checkbox", name: "permissions", value: name });
    input.checked = given.includes(name);
    return { name, input, element: choice(input, name, meaning) };
  });
  const all = boxes.length === PERMISSIONS.length;
  const hint = `Each holds for itself alone: write does not include read.${all ? "" : ` ${whose}`}`;
  const field = group("Permissions", boxes.map((box) => box.element), hint);
  return { ...field, chosen: () => boxes.filter((box) => box.input.checked).map((box) => box.name) };
}

/** @param {PermissionName[]} permissions */
export function permissionBadges(permissions) {
  return element("span", { class: "badges" }, ...permissions.map((name) => element("span", { class: `badge ${name}` }, name)));
}
