// The dialog with the sessions of a member.

import { request } from "./api.js";
import { openDialog } from "./dialog.js";
import { form } from "./form.js";
import { sessionList } from "./session-list.js";
import { showToast } from "./toast.js";

/** @param {import("../types/contract").Member} member */
export function openMemberSessionsDialog({ id, email }) {
  const path = `/members/${id}/sessions`;
  const sessions = sessionList({ caption: `Sessions of ${email}, newest first`, path });
  openDialog(`Sessions of ${email}`, (close) => [
    sessions.element,
    form({
      fields: {},
      submitLabel: "End all sessions",
      isDestructive: true,
      onCancel: close,
      async onSubmit() {
        await request("DELETE", path);
        close();
        showToast(`Ended all sessions of ${email}`);
      },
    }).element,
  ]);
  sessions.reload();
}
