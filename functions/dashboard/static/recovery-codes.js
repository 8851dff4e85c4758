// Recovery codes, which replace a lost passkey at login.

import { request } from "./api.js";
import { copyButton } from "./copy-field.js";
import { openDialog } from "./dialog.js";
import { element } from "./element.js";
import { form } from "./form.js";
import { openShownOnceDialog } from "./shown-once-dialog.js";
import { formatDateTime } from "./time.js";

/**
 * @param {string[]} codes
 * @param {string} email The address of the member.
 */
export function showRecoveryCodes(codes, email) {
  const copy = copyButton("Recovery codes", codes.join("\n"), () => getSelection()?.selectAllChildren(list));
  const list = element("ul", { class: "recovery-codes", "aria-label": "Recovery codes" }, ...codes.map((code) => element("li", {}, element("code", {}, code))));
  openShownOnceDialog({
    title: "Recovery codes",
    question: "Have you saved the codes?",
    answer: "Yes, I saved them",
    consequence: "Without them and without your passkeys, you can’t log in.",
    content: [
      element("p", {}, "With one of these codes and your password you can log in if you lose your passkeys. Each works once. ", element("strong", {}, "You won’t see them again.")),
      element("p", {}, `MedTWIN, ${email}, ${formatDateTime(new Date())}`),
      list,
      element("div", { class: "buttons no-print" }, copy.button, element("button", { type: "button", click: () => print() }, "Print")),
      copy.status,
      element("p", { class: "hint no-print" }, "Keep them apart from your devices, for example on paper in a safe place."),
    ],
  });
}

/** @param {import("../types/contract").Me} me */
export function openNewRecoveryCodesDialog(me) {
  openDialog("Make new recovery codes", (close) => [
    element("p", {}, "You get ten new codes. The old ones stop working."),
    form({
      fields: {},
      submitLabel: "Make new codes",
      onCancel: close,
      async onSubmit() {
        /** @type {{ recovery_codes: string[] }} */
        const { recovery_codes } = await request("POST", "/auth/recovery-codes");
        close();
        showRecoveryCodes(recovery_codes, me.email);
      },
    }).element,
  ]);
}
