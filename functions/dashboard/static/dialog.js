// Modal dialogs. The browser traps the focus inside and restores it on close.

import { element, uniqueId } from "./element.js";
import { restoreFocus } from "./heading.js";

/**
 * @param {string} title
 * @param {(close: () => void) => import("./element.js").Child[]} content
 * @param {object} [options]
 * @param {() => void} [options.onDismiss] Called instead of closing the dialog when the user presses Escape or the close button.
 * @param {() => void} [options.onClosed] Called after the dialog is closed in any way.
 */
export function openDialog(title, content, { onDismiss, onClosed } = {}) {
  const id = uniqueId("dialog");
  const close = () => dialog.close();
  const dismiss = onDismiss ?? close;
  const dialog = element(
    "dialog",
    { "aria-labelledby": id, "data-persistent": onDismiss && "", closedby: "none", cancel: handleCancel, keydown: handleKeydown, close: handleClose },
    element(
      "header",
      {},
      element("h2", { id, tabindex: -1 }, title),
      element("button", { type: "button", class: "icon", "aria-label": "Close", click: dismiss }, "×"),
    ),
    ...content(close),
  );
  document.body.append(dialog);
  dialog.showModal();
  const firstInput = dialog.querySelector("[data-focus]") ?? dialog.querySelector("form input:not([type=radio]):not([readonly]), form select");
  if (firstInput instanceof HTMLElement) firstInput.focus();
  else dialog.querySelector("h2")?.focus();

  /** @param {Event} event */
  function handleCancel(event) {
    event.preventDefault();
    dismiss();
  }
  /** @param {KeyboardEvent} event */
  function handleKeydown(event) {
    if (event.key !== "Escape") return;
    event.preventDefault();
    dismiss();
  }
  function handleClose() {
    dialog.remove();
    restoreFocus();
    onClosed?.();
  }
}

/** Closes all open dialogs except those with an `onDismiss` callback. */
export function closeDialogs() {
  for (const dialog of document.querySelectorAll("dialog")) if (!("persistent" in dialog.dataset)) dialog.close();
}

/** Closes all open dialogs, also those that ask for a confirmation first. */
export function closeAllDialogs() {
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
}
