import { openDialog } from "./dialog.js";
import { element } from "./element.js";
import { field, form, ValidationError } from "./form.js";

/**
 * Opens a dialog in which the user confirms an irreversible action by typing a name.
 * @param {object} options
 * @param {string} options.title
 * @param {string} options.warning
 * @param {import("./element.js").Child} [options.details] Content below the warning.
 * @param {string} options.nameLabel What the user types, such as "name" or "email address".
 * @param {string} options.name
 * @param {string} options.confirmLabel
 * @param {() => Promise<void>} options.onConfirm Performs the action.
 * @param {() => void} options.onDone Called after the dialog is closed.
 */
export function openConfirmDialog({ title, warning, details, nameLabel, name, confirmLabel, onConfirm, onDone }) {
  const confirmation = field(
    `Type the ${nameLabel} to confirm`,
    element("input", { type: "text", autocomplete: "off", spellcheck: "false", autocapitalize: "none" }),
    element("strong", { class: "expected-name" }, name),
  );
  openDialog(title, (close) => [
    element("p", {}, warning),
    details,
    form({
      fields: { confirmation },
      submitLabel: confirmLabel,
      isDestructive: true,
      onCancel: close,
      async onSubmit() {
        if (normalize(confirmation.input.value) !== normalize(name)) throw new ValidationError("confirmation", `The ${nameLabel} doesn’t match.`);
        await onConfirm();
        close();
        onDone();
      },
    }).element,
  ]);
}

/**
 * Collapses white space, which browsers may change in what they show and in what the user types.
 * @param {string} text
 */
function normalize(text) {
  return text.normalize("NFC").replace(/\s+/g, " ").trim();
}
