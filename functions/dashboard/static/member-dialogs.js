// Adding a member, and changing what one may do.

import { ask } from "./api.js";
import { openDialog } from "./dialog.js";
import { element } from "./element.js";
import { field, form, passwordField, Wrong } from "./form.js";
import { permissionsField } from "./permissions.js";
import { say } from "./status.js";

/** @typedef {import("../types/contract").Me} Me */

/**
 * @param {Me} me
 * @param {() => void} then
 */
export function openAddMember(me, then) {
  const email = field("E-mail", element("input", { type: "email", required: true, autocomplete: "off", spellcheck: "false" }));
  const password = passwordField("First password", "new-password", "15 to 128 characters. Hand it over in person; they can change it.");
  const permissions = permissionsField(me.permissions, ["read"], "You can give what you have yourself.");
  openDialog("Add member", (close) => [
    form({
      fields: { email, password, permissions },
      button: "Add member",
      cancel: close,
      async send() {
        if (permissions.chosen().length === 0) throw new Wrong("permissions", "Choose at least one.");
        const body = { email: email.input.value, password: password.input.value, permissions: permissions.chosen() };
        await ask("POST", "/members", body);
        close();
        then();
        say(`Added: ${body.email}`);
      },
    }).element,
  ]);
}

/**
 * @param {Me} me
 * @param {import("../types/contract").Member} member
 * @param {() => void} then
 */
export function openChangeMember(me, member, then) {
  const offered = [...me.permissions, ...member.permissions];
  const permissions = permissionsField(offered, member.permissions, "You can give what you have yourself.");
  openDialog(`Change ${member.email}`, (close) => [
    form({
      fields: { permissions },
      button: "Save",
      cancel: close,
      async send() {
        if (permissions.chosen().length === 0) throw new Wrong("permissions", "Choose at least one.");
        await ask("PATCH", `/members/${member.id}`, { permissions: permissions.chosen() });
        close();
        then();
        say(`Changed: ${member.email}`);
      },
    }).element,
  ]);
}
