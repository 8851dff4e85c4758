// Buttons that wait for a response: they show progress, and their listeners ignore clicks.

/** @param {HTMLButtonElement} button */
export function isBusy(button) {
  return button.ariaDisabled === "true";
}

/**
 * Keeps the focus on the button, which `disabled` would not.
 * @param {HTMLButtonElement} button
 * @param {boolean} isBusy
 */
export function setBusy(button, isBusy) {
  button.ariaDisabled = String(isBusy);
  button.classList.toggle("busy", isBusy);
}
