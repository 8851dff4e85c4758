// Dialogs for adding and editing a member.

import { request } from "./api.js";
import { openDialog } from "./dialog.js";
import { element } from "./element.js";
import { field, form, passwordField, ValidationError } from "./form.js";
import { permissionsField } from "./permissions.js";
import { showToast } from "./toast.js";

/** @typedef {import("../types/contract").Me} Me */

/**
 * @param {Me} me
 * @param {() => void} onAdded
 */
export function openAddMemberDialog(me, onAdded) {
  const email = field("Email", element("input", { type: "email", required: true, autocomplete: "off", spellcheck: "false" }));
  const password = passwordField("Initial password", "new-password", "15 to 128 characters. Give it to the member in person. They can change it after they log in.");
  const permissions = permissionsField(me.permissions, ["read"]);
  openDialog("Add member", (close) => [
    form({
      fields: { email, password, permissions },
      submitLabel: "Add member",
      onCancel: close,
      async onSubmit() {
        if (permissions.selected().length === 0) throw new ValidationError("permissions", "Select at least one permission.");
        const body = { email: email.input.value, password: password.input.value, permissions: permissions.selected() };
        await request("POST", "/members", body);
        close();
        onAdded();
        showToast(`Added ${body.email}`);
      },
    }).element,
  ]);
}

/**
 * @param {Me} me
 * @param {import("../types/contract").Member} member
 * @param {() => void} onSaved
 */
export function openEditMemberDialog(me, member, onSaved) {
  const available = [...me.permissions, ...member.permissions];
  const permissions = permissionsField(available, member.permissions);
  openDialog(`Edit ${member.email}`, (close) => [
    form({
      fields: { permissions },
      submitLabel: "Save",
      onCancel: close,
      async onSubmit() {
        if (permissions.selected().length === 0) throw new ValidationError("permissions", "Select at least one permission.");
        await request("PATCH", `/members/${member.id}`, { permissions: permissions.selected() });
        close();
        onSaved();
        showToast(`Updated ${member.email}`);
      },
    }).element,
  ]);
}
