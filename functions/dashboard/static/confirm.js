// A change that can't be undone, which is confirmed by typing the name of what it is about.

import { openDialog } from "./dialog.js";
import { element } from "./element.js";
import { field, form, Wrong } from "./form.js";

/**
 * @param {object} about
 * @param {string} about.title
 * @param {string} about.warning
 * @param {string} about.what What is typed, such as "name".
 * @param {string} about.name
 * @param {string} about.button
 * @param {() => Promise<void>} about.send
 * @param {() => void} about.then What is done once the dialog is closed.
 */
export function openConfirmation({ title, warning, what, name, button, send, then }) {
  const typed = field(
    `Type the ${what} to confirm`,
    element("input", { type: "text", autocomplete: "off", spellcheck: "false", autocapitalize: "none" }),
    element("strong", { class: "typed" }, name),
  );
  openDialog(title, (close) => [
    element("p", {}, warning),
    form({
      fields: { typed },
      button,
      destroys: true,
      cancel: close,
      async send() {
        // A browser makes of white space in a field what it likes.
        if (plain(typed.input.value) !== plain(name)) throw new Wrong("typed", `That is not its ${what}.`);
        await send();
        close();
        then();
      },
    }).element,
  ]);
}

/** @param {string} text */
function plain(text) {
  return text.normalize("NFC").replace(/\s+/g, " ").trim();
}
