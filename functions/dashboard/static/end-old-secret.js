import { request } from "./api.js";
import { openDialog } from "./dialog.js";
import { element } from "./element.js";
import { form, ValidationError } from "./form.js";
import { gracePeriodField } from "./grace-period-field.js";
import { rotation } from "./rotate-key.js";

/**
 * Ends the old secret of a key that was rotated. Only another rotation can do this: a key has at most two secrets, so the third one ends
 * the first.
 * @param {import("../types/contract").ApiKey} key
 * @param {() => void} onRotated
 */
export function openEndOldSecretDialog(key, onRotated) {
  const gracePeriod = gracePeriodField(key, {
    label: "Grace period for the current secret",
    mayBeNone: false,
    describe: (end) => `Servers that use the current secret keep working until ${end}.`,
  });
  const rotate = rotation(key, onRotated);
  // A retry must not check again: the response to a rotation that succeeded may have been lost.
  let isChecked = false;
  openDialog(`End the old secret of ${key.name}`, (close) => [
    element("p", {}, "The old secret stops working immediately. Servers that still use it are rejected."),
    element(
      "p",
      {},
      "This takes another rotation, which creates a new secret. The current secret, ",
      element("code", {}, key.hint),
      ", works until its grace period ends. Replace it with the new secret before then.",
    ),
    form({
      fields: { grace_period: gracePeriod },
      submitLabel: "End the old secret",
      isDestructive: true,
      onCancel: close,
      async onSubmit() {
        if (!isChecked) await checkUnchanged(key);
        isChecked = true;
        await rotate(gracePeriod.seconds(), close);
      },
    }).element,
  ]);
}

/**
 * Throws if the key was rotated since it was loaded: another rotation would end the secret that was current then.
 * @param {import("../types/contract").ApiKey} key
 */
async function checkUnchanged({ id, hint }) {
  /** @type {import("../types/contract").ApiKey} */
  const current = await request("GET", `/api-keys/${id}`);
  if (current.hint !== hint) throw new ValidationError("", "Somebody else has rotated the key. Close this dialog and reload the page.");
}
