import { openDialog } from "./dialog.js";
import { element } from "./element.js";

/** @typedef {import("./element.js").Child} Child */

/**
 * Opens a dialog with secrets that are shown once. It stays open until the user confirms that they are saved.
 * @param {object} options
 * @param {string} options.title
 * @param {string} options.question Such as “Have you saved the secret?”
 * @param {string} options.answer Such as “Yes, I saved it”.
 * @param {string} options.consequence What happens if they are lost.
 * @param {Child[]} options.content
 */
export function openShownOnceDialog({ title, question, answer, consequence, content }) {
  const leaveWarning = new AbortController();
  // Makes the browser ask for confirmation before the user leaves the page.
  addEventListener("beforeunload", (event) => event.preventDefault(), { signal: leaveWarning.signal });
  let handleDismiss = () => {};

  openDialog(
    title,
    (close) => {
      const doneButton = element("button", { type: "button", class: "primary", click: askWhetherSaved }, "Done");
      const buttons = element("div", { class: "buttons" }, doneButton);
      const savedButton = element("button", { type: "button", class: "primary", click: close }, answer);
      const confirmation = element(
        "div",
        { class: "confirmation", role: "group", "aria-label": question, hidden: true },
        element("p", {}, element("strong", {}, `${question} `), consequence),
        element("div", { class: "buttons" }, element("button", { type: "button", click: cancelConfirmation }, "Not yet"), savedButton),
      );
      handleDismiss = askWhetherSaved;
      function askWhetherSaved() {
        buttons.hidden = true;
        confirmation.hidden = false;
        savedButton.focus();
      }
      function cancelConfirmation() {
        buttons.hidden = false;
        confirmation.hidden = true;
        doneButton.focus();
      }
      return [...content, buttons, confirmation];
    },
    { onDismiss: () => handleDismiss(), onClosed: () => leaveWarning.abort() },
  );
}

/** Returns true if the page shows a secret that the user may not have saved yet. */
export function isShownOnceDialogOpen() {
  return document.querySelector("dialog[data-persistent]") !== null;
}
