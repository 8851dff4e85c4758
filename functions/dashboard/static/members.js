// Team Members: who may log in to the account.

import { Problem, ask, things } from "./api.js";
import { openConfirmation } from "./confirm.js";
import { element } from "./element.js";
import { heading } from "./heading.js";
import { list, rowButton } from "./list.js";
import { openAddMember, openChangeMember } from "./member-dialogs.js";
import { permissionBadges } from "./permissions.js";
import { say } from "./status.js";
import { when } from "./time.js";

/** @typedef {import("../types/contract").Member} Member */

/**
 * @param {HTMLElement} main
 * @param {import("../types/contract").Me} me
 */
export function openMembers(main, me) {
  /** @type {() => AsyncGenerator<Member>} */
  const read = () => things("/members");
  const members = list({
    caption: "Team members, the newest first",
    columns: [
      { label: "E-mail", kind: "main", cell: address },
      { label: "Permissions", cell: (member) => permissionBadges(member.permissions) },
      { label: "Status", cell: (member) => element("span", { class: `dot ${member.status}` }, member.status) },
      { label: "Added", cell: (member) => when(member.created_at) },
      { label: "Actions", kind: "actions", cell: actions },
    ],
    read,
    empty: () => element("p", { class: "empty" }, "There is none."),
  });

  /** @param {Member} member */
  function address({ id, email }) {
    return element("span", { class: "named" }, element("strong", {}, email), id === me.user_id && element("span", { class: "badge this" }, "you"));
  }

  /** @param {Member} member */
  function actions(member) {
    const isMe = member.id === me.user_id;
    const suspended = member.status === "suspended";
    // Letting somebody in again gives them all that they have.
    const mayRestore = member.permissions.every((permission) => me.permissions.includes(permission));
    return element(
      "span",
      { class: "row-actions" },
      rowButton("Change", member.email, () => openChangeMember(me, member, reload)),
      !isMe && !suspended && rowButton("Suspend", member.email, () => setStatus(member, "suspended")),
      !isMe && suspended && mayRestore && rowButton("Restore", member.email, () => setStatus(member, "active")),
      !isMe && rowButton("Remove", member.email, () => remove(member), "danger-quiet"),
    );
  }

  /**
   * @param {Member} member
   * @param {Member["status"]} status
   */
  async function setStatus({ id, email }, status) {
    try {
      await ask("PATCH", `/members/${id}`, { status });
      say(status === "active" ? `Restored: ${email}` : `Suspended: ${email}`);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (problem.status === 401) return;
      say(problem.message);
    }
    reload();
  }

  /** @param {Member} member */
  function remove({ id, email }) {
    openConfirmation({
      title: `Remove ${email}`,
      warning: "They are logged out at once and can’t log in any more. The keys that they made stay: those are the account’s.",
      what: "address",
      name: email,
      button: "Remove member",
      async send() {
        await ask("DELETE", `/members/${id}`);
      },
      then() {
        reload();
        say(`Removed: ${email}`);
      },
    });
  }

  function reload() {
    members.reload();
  }

  main.append(
    heading(
      "Team Members",
      "Who may log in, and what they may do.",
      element("button", { type: "button", class: "primary", click: () => openAddMember(me, reload) }, "Add member"),
    ),
    members.element,
  );
  reload();
}
