// The passkeys screen.

import { ApiError, listItems, request } from "./api.js";
import { openAddPasskeyDialog } from "./add-passkey.js";
import { openDialog } from "./dialog.js";
import { element } from "./element.js";
import { form } from "./form.js";
import { heading } from "./heading.js";
import { forgetPasskey } from "./known-passkey.js";
import { list, rowButton } from "./list.js";
import { openNewRecoveryCodesDialog } from "./recovery-codes.js";
import { timeElement } from "./time.js";
import { showToast } from "./toast.js";
import { arePasskeysSupported } from "./webauthn.js";

/** @typedef {import("../types/contract").Passkey} Passkey */

/**
 * @param {HTMLElement} main
 * @param {import("../types/contract").Me} me
 */
export function showPasskeys(main, me) {
  let count = 0;
  const codesButton = element("button", { type: "button", hidden: true, click: () => openNewRecoveryCodesDialog(me) }, "Make new recovery codes");
  const passkeys = list({
    caption: "Your passkeys, newest first",
    columns: [
      { label: "Name", kind: "primary", cell: ({ name }) => element("strong", {}, name) },
      { label: "Created", cell: (passkey) => timeElement(passkey.created_at) },
      { label: "Last used", cell: (passkey) => timeElement(passkey.last_used_at, "Never") },
      { label: "Actions", kind: "actions", cell: (passkey) => rowButton("Remove", passkey.name, () => openRemoveDialog(passkey), "danger-subtle") },
    ],
    read,
    emptyState: () => element("p", { class: "empty" }, "No passkeys yet. With a passkey you log in without your password, and the password alone is no longer enough."),
  });

  /** @returns {AsyncGenerator<Passkey>} */
  async function* read() {
    count = 0;
    /** @type {AsyncGenerator<Passkey>} */
    const items = listItems("/auth/passkeys");
    for await (const passkey of items) {
      count += 1;
      codesButton.hidden = false;
      yield passkey;
    }
    codesButton.hidden = count === 0;
  }

  function add() {
    openAddPasskeyDialog(me, () => passkeys.reload());
  }

  /** @param {Passkey} passkey */
  function openRemoveDialog({ id, name }) {
    const isLast = count === 1;
    openDialog(`Remove ${name}`, (close) => [
      element("p", {}, isLast ? "This is your last passkey. Your recovery codes stop working, too, and your password alone is then enough to log in." : "You can no longer log in with this passkey."),
      form({
        fields: {},
        submitLabel: "Remove passkey",
        isDestructive: true,
        onCancel: close,
        async onSubmit() {
          await remove(id);
          if (isLast) forgetPasskey();
          close();
          passkeys.reload();
          showToast(`Removed ${name}`);
        },
      }).element,
    ]);
  }

  /**
   * Succeeds, too, if the passkey was removed elsewhere.
   * @param {string} id
   */
  async function remove(id) {
    try {
      await request("DELETE", `/auth/passkeys/${id}`);
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) throw error;
    }
  }

  main.append(
    heading(
      "Passkeys",
      "A passkey on your device or security key proves that it’s you. A fake website can’t steal it.",
      arePasskeysSupported() && element("button", { type: "button", class: "primary", click: add }, "Add passkey"),
    ),
    ...(arePasskeysSupported() ? [] : [element("p", { class: "notice" }, "This browser does not support passkeys. Update it, or use another one.")]),
    passkeys.element,
    element("div", { class: "list-footer" }, codesButton),
  );
  passkeys.reload();
}
