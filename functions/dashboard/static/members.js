// The team members screen.

import { listItems, request } from "./api.js";
import { openConfirmDialog } from "./confirm-dialog.js";
import { openEditMemberDialog, showMemberChange } from "./edit-member.js";
import { element } from "./element.js";
import { heading } from "./heading.js";
import { openInviteAgainDialog, openInviteMemberDialog } from "./invite-member.js";
import { list } from "./list.js";
import { openMemberSessionsDialog } from "./member-sessions.js";
import { menuButton } from "./menu.js";
import { permissionBadges } from "./permissions.js";
import { openRevokeMemberKeysDialog } from "./revoke-keys.js";
import { timeElement } from "./time.js";
import { showRequestError, showToast } from "./toast.js";

/** @typedef {import("../types/contract").Member} Member */

const INVITATION_ENDS = "The invitation stops working.";
const MEMBER_LOSES_ACCESS =
  "The member is logged out immediately and can no longer log in. API keys that they created keep working. To end those, too, revoke all keys of the member first.";

/**
 * @param {HTMLElement} main
 * @param {import("../types/contract").Me} me
 */
export function showMembers(main, me) {
  /** @type {() => AsyncGenerator<Member>} */
  const read = () => listItems("/members");
  const members = list({
    caption: "Team members, newest first",
    columns: [
      { label: "Email", kind: "primary", cell: emailCell },
      { label: "Permissions", cell: (member) => permissionBadges(member.permissions) },
      { label: "Status", cell: (member) => element("span", { class: `status ${member.status}` }, member.status) },
      { label: "Added", cell: (member) => timeElement(member.created_at) },
      { label: "Actions", kind: "actions", cell: rowMenu },
    ],
    read,
    emptyState: () => element("p", { class: "empty" }, "No team members."),
  });

  /** @param {Member} member */
  function emailCell({ id, email }) {
    const address = element("span", { class: "with-badge" }, element("strong", {}, email), id === me.user_id && element("span", { class: "badge current" }, "you"));
    // Mails name members by their ID.
    return element("span", { class: "two-lines" }, address, element("code", {}, id));
  }

  /** @param {Member} member */
  function rowMenu(member) {
    const isMe = member.id === me.user_id;
    const isActive = member.status === "active";
    // Inviting, suspending, restoring and removing need all permissions of the member (docs/members.md#who-may-change-whom).
    const hasAllPermissions = member.permissions.every((permission) => me.permissions.includes(permission));
    /** @type {(import("./menu.js").Action | false)[]} */
    const actions = [
      { label: "Edit", start: () => openEditMemberDialog(me, member, reload) },
      member.status === "invited" && hasAllPermissions && { label: "Invite again", start: () => openInviteAgainDialog(member, reload) },
      // The user's own sessions have a screen of their own.
      !isMe && isActive && { label: "Sessions…", start: () => openMemberSessionsDialog(member) },
      !isMe && isActive && hasAllPermissions && { label: "Suspend", start: () => setStatus(member, "suspended") },
      !isMe && member.status === "suspended" && hasAllPermissions && { label: "Restore", start: () => setStatus(member, "active") },
      member.status !== "invited" && { label: "Revoke all keys", start: () => openRevokeMemberKeysDialog(member), isDestructive: true },
      !isMe && hasAllPermissions && { label: "Remove", start: () => openRemoveDialog(member), isDestructive: true },
    ];
    return menuButton(member.email, actions.filter((action) => action !== false));
  }

  /**
   * @param {Member} member
   * @param {Member["status"]} status
   */
  async function setStatus({ id, email }, status) {
    try {
      /** @type {Member} */
      const changed = await request("PATCH", `/members/${id}`, { status });
      // Suspending a member who has not accepted the invitation has ended it.
      showMemberChange(status === "active" ? `Restored ${email}` : `Suspended ${email}`, changed.status === "invited");
    } catch (error) {
      if (!showRequestError(error)) return;
    }
    reload();
  }

  /** @param {Member} member */
  function openRemoveDialog({ id, email, status }) {
    openConfirmDialog({
      title: `Remove ${email}`,
      warning: status === "invited" ? INVITATION_ENDS : MEMBER_LOSES_ACCESS,
      nameLabel: "email address",
      name: email,
      confirmLabel: "Remove member",
      async onConfirm() {
        await request("DELETE", `/members/${id}`);
      },
      onDone() {
        reload();
        showToast(`Removed ${email}`);
      },
    });
  }

  function reload() {
    members.reload();
  }

  main.append(
    heading(
      "Team members",
      "People who can log in or are invited, and their permissions.",
      element("button", { type: "button", class: "primary", click: () => openInviteMemberDialog(me, reload) }, "Invite member"),
    ),
    members.element,
  );
  reload();
}
