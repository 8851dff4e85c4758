// The dialogs that invite a person to the account.

import { ApiError, request } from "./api.js";
import { copyField } from "./copy-field.js";
import { openDialog } from "./dialog.js";
import { element } from "./element.js";
import { field, form, ValidationError } from "./form.js";
import { linkUrl } from "./links.js";
import { permissionsField } from "./permissions.js";
import { formatDateTime } from "./time.js";
import { showToast } from "./toast.js";

/** @typedef {import("../types/contract").InvitedMember} InvitedMember */

/**
 * @param {import("../types/contract").Me} me
 * @param {() => void} onInvited
 */
export function openInviteMemberDialog(me, onInvited) {
  const email = field("Email", element("input", { type: "email", required: true, autocomplete: "off", spellcheck: "false", autocapitalize: "none" }));
  const permissions = permissionsField(me.permissions, ["read"]);
  openDialog("Invite member", (close) => [
    element("p", {}, "The person accepts the invitation with a link and chooses a password that nobody else knows."),
    form({
      fields: { email, permissions },
      submitLabel: "Invite member",
      onCancel: close,
      async onSubmit() {
        const body = { email: email.input.value.trim(), permissions: permissions.selected() };
        if (body.email === "") throw new ValidationError("email", "Enter an email address.");
        if (body.permissions.length === 0) throw new ValidationError("permissions", "Select at least one permission.");
        const member = await invite(body).catch(handleUncertainResult);
        close();
        onInvited();
        showInvitation(member);
      },
    }).element,
  ]);

  /**
   * Shows a current list if the person may be in it now. They can't be invited twice, but again.
   * @param {unknown} error
   * @returns {never}
   */
  function handleUncertainResult(error) {
    if (error instanceof ApiError && error.mayHaveSucceeded) {
      error.message += " The person may have been invited. Close this dialog: if the list shows them, choose “Invite again” there.";
      onInvited();
    }
    throw error;
  }
}

/**
 * @param {{ email: string, permissions: string[] }} body
 * @returns {Promise<InvitedMember>}
 */
function invite(body) {
  return request("POST", "/members", body);
}

/**
 * @param {import("../types/contract").Member} member
 * @param {() => void} onInvited
 */
export function openInviteAgainDialog({ id, email }, onInvited) {
  openDialog(`Invite ${email} again`, (close) => [
    element("p", {}, "This makes a new link, which works for 7 days. Earlier links stop working."),
    form({
      fields: {},
      submitLabel: "Invite again",
      onCancel: close,
      async onSubmit() {
        /** @type {InvitedMember} */
        const member = await request("POST", `/members/${id}/invite`);
        close();
        onInvited();
        showInvitation(member);
      },
    }).element,
  ]);
}

/**
 * Says that the invitation was mailed. Where the service sends no mail, shows the link, which the user must pass on.
 * @param {InvitedMember} member
 */
function showInvitation({ email, invitation: { token, expires_at } }) {
  const expiry = `It works once, until ${formatDateTime(expires_at)}.`;
  if (token === undefined) {
    showToast(`Mailed an invitation to ${email}. ${expiry}`);
    return;
  }
  openDialog(`Invitation for ${email}`, (close) => [
    element("p", {}, "Give this link to ", element("strong", {}, email), ". ", element("strong", {}, "You won’t see it again.")),
    copyField("Invitation link", linkUrl("accept-invitation", token)),
    element("p", { class: "hint" }, `${expiry} Whoever has it can accept the invitation, so pass it on in person or over a channel that only this person reads. Nothing proves that the address belongs to them.`),
    element("div", { class: "buttons" }, element("button", { type: "button", class: "primary", click: close }, "Done")),
  ]);
}
