// The team members screen.

import { ApiError, listItems, request } from "./api.js";
import { openConfirmDialog } from "./confirm-dialog.js";
import { element } from "./element.js";
import { heading } from "./heading.js";
import { list } from "./list.js";
import { openAddMemberDialog, openEditMemberDialog } from "./member-dialogs.js";
import { openMemberSessionsDialog } from "./member-sessions.js";
import { menuButton } from "./menu.js";
import { permissionBadges } from "./permissions.js";
import { openRevokeMemberKeysDialog } from "./revoke-keys.js";
import { timeElement } from "./time.js";
import { showToast } from "./toast.js";

/** @typedef {import("../types/contract").Member} Member */

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
    return element("span", { class: "with-badge" }, element("strong", {}, email), id === me.user_id && element("span", { class: "badge current" }, "you"));
  }

  /** @param {Member} member */
  function rowMenu(member) {
    const isMe = member.id === me.user_id;
    const isSuspended = member.status === "suspended";
    // Restoring a member grants all of the member's permissions.
    const canRestore = member.permissions.every((permission) => me.permissions.includes(permission));
    /** @type {(import("./menu.js").Action | false)[]} */
    const actions = [
      { label: "Edit", start: () => openEditMemberDialog(me, member, reload) },
      // The user's own sessions have a screen of their own.
      !isMe && !isSuspended && { label: "Sessions…", start: () => openMemberSessionsDialog(member) },
      !isMe && !isSuspended && { label: "Suspend", start: () => setStatus(member, "suspended") },
      !isMe && isSuspended && canRestore && { label: "Restore", start: () => setStatus(member, "active") },
      { label: "Revoke all keys", start: () => openRevokeMemberKeysDialog(member), isDestructive: true },
      !isMe && { label: "Remove", start: () => openRemoveDialog(member), isDestructive: true },
    ];
    return menuButton(member.email, actions.filter((action) => action !== false));
  }

  /**
   * @param {Member} member
   * @param {Member["status"]} status
   */
  async function setStatus({ id, email }, status) {
    try {
      await request("PATCH", `/members/${id}`, { status });
      showToast(status === "active" ? `Restored ${email}` : `Suspended ${email}`);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) return;
      showToast(error.message);
    }
    reload();
  }

  /** @param {Member} member */
  function openRemoveDialog({ id, email }) {
    openConfirmDialog({
      title: `Remove ${email}`,
      warning: "The member is logged out immediately and can no longer log in. API keys that they created keep working. To end those, too, revoke all keys of the member first.",
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
      "People who can log in, and their permissions.",
      element("button", { type: "button", class: "primary", click: () => openAddMemberDialog(me, reload) }, "Add member"),
    ),
    members.element,
  );
  reload();
}
