// Dialogs. The browser keeps the focus in them and gives it back.

import { element, newId } from "./element.js";
import { keepFocus } from "./heading.js";

/**
 * Opens a dialog over the page.
 * @param {string} title
 * @param {(close: () => void) => import("./element.js").Child[]} content
 * @param {() => void} [beforeClosing] What happens instead when somebody wants to leave it without a decision.
 */
export function openDialog(title, content, beforeClosing) {
  const id = newId("dialog");
  const close = () => dialog.close();
  const leave = beforeClosing ?? close;
  const dialog = element(
    "dialog",
    { "aria-labelledby": id, "data-decides": beforeClosing && "", closedby: "none", cancel: kept, keydown: pressed, close: gone },
    element(
      "header",
      {},
      element("h2", { id, tabindex: -1 }, title),
      element("button", { type: "button", class: "icon", "aria-label": "Close", click: leave }, "×"),
    ),
    ...content(close),
  );
  document.body.append(dialog);
  dialog.showModal();
  const first = dialog.querySelector("form input:not([type=radio]):not([readonly]), form select");
  if (first instanceof HTMLElement) first.focus();
  else dialog.querySelector("h2")?.focus();

  /** @param {Event} event */
  function kept(event) {
    event.preventDefault();
    leave();
  }
  /** @param {KeyboardEvent} event */
  function pressed(event) {
    if (event.key !== "Escape") return;
    event.preventDefault();
    leave();
  }
  function gone() {
    dialog.remove();
    keepFocus();
  }
}

/** Closes whatever dialog is open, unless it waits for a decision. */
export function closeDialogs() {
  for (const dialog of document.querySelectorAll("dialog")) if (!("decides" in dialog.dataset)) dialog.close();
}
