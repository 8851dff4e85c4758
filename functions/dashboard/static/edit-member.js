// The dialog for editing a member, and the message after a change.

import { request } from "./api.js";
import { openDialog } from "./dialog.js";
import { form, ValidationError } from "./form.js";
import { permissionsField } from "./permissions.js";
import { showToast } from "./toast.js";

/** @typedef {import("../types/contract").Me} Me */

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
        const selected = permissions.selected();
        if (selected.length === 0) throw new ValidationError("permissions", "Select at least one permission.");
        await request("PATCH", `/members/${member.id}`, { permissions: selected });
        close();
        onSaved();
        const endsInvitation = member.status === "invited" && selected.some((permission) => !member.permissions.includes(permission));
        showMemberChange(`Updated ${member.email}`, endsInvitation);
      },
    }).element,
  ]);
}

/**
 * Says what has changed, and whether the member needs another invitation.
 * @param {string} change
 * @param {boolean} hasInvitationEnded
 */
export function showMemberChange(change, hasInvitationEnded) {
  showToast(hasInvitationEnded ? `${change}. The invitation has ended: invite them again.` : change);
}
