// A text to be taken elsewhere, with a button that copies it.

import { element, newId } from "./element.js";

/**
 * @param {string} label
 * @param {string} text
 */
export function copyable(label, text) {
  const id = newId("copy");
  const shown = element("input", { id, type: "text", readonly: true, autocomplete: "off", spellcheck: "false", focus: select });
  shown.value = text;
  const button = element("button", { type: "button", click: copy }, "Copy");
  button.setAttribute("aria-label", `Copy ${label}`);
  // Here and not on the page, which can't be heard or seen well behind a dialog.
  const told = element("p", { class: "hint", role: "status" });
  function select() {
    shown.select();
  }
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
      told.textContent = `Copied: ${label}`;
      setTimeout(() => (button.textContent = "Copy"), 3000);
    } catch {
      shown.focus();
      shown.select();
      told.textContent = "The browser doesn’t let the page copy. It is selected: press Ctrl+C, or ⌘C.";
    }
  }
  return element("div", { class: "field" }, element("label", { for: id }, label), element("div", { class: "copyable" }, shown, button), told);
}
