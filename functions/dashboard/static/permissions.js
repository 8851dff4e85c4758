import { element } from "./element.js";
import { choice, group } from "./form.js";

/** @typedef {import("../types/contract").PermissionName} PermissionName */

/** @type {[PermissionName, string][]} */
const PERMISSIONS = [
  ["read", "View data (GET requests)."],
  ["write", "Create and update data (POST, PUT and PATCH requests)."],
  ["delete", "Delete data (DELETE requests)."],
  ["admin", "Manage team members, billing and other API keys."],
];

/**
 * Creates a field with a checkbox for each permission that the user can grant, and for each initial one.
 * @param {PermissionName[]} grantable
 * @param {PermissionName[]} initial
 */
export function permissionsField(grantable, initial) {
  const choices = PERMISSIONS.filter(([name]) => grantable.includes(name) || initial.includes(name)).map(([name, description]) => {
    const input = element("input", { type: "checkbox", name: "permissions", value: name });
    input.checked = initial.includes(name);
    return { name, input, element: choice(input, name, description) };
  });
  const areAllAvailable = choices.length === PERMISSIONS.length;
  const hint = `Permissions are independent: write does not include read.${areAllAvailable ? "" : " You can only grant permissions that you have."}`;
  const field = group("Permissions", choices.map((choice) => choice.element), hint);
  return { ...field, selected: () => choices.filter(({ input }) => input.checked).map(({ name }) => name) };
}

/** @param {PermissionName[]} permissions */
export function permissionBadges(permissions) {
  return element("span", { class: "badges" }, ...permissions.map((name) => element("span", { class: `badge ${name}` }, name)));
}
