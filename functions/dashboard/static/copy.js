// A text to be taken elsewhere, with a button that copies it.

import { element, newId } from "./element.js";
import { say } from "./status.js";

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
  function select() {
    shown.select();
  }
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
      say(`Copied: ${label}`);
      setTimeout(() => (button.textContent = "Copy"), 3000);
    } catch {
      shown.focus();
      shown.select();
      say("The browser doesn’t let the page copy. It is selected: press Ctrl+C, or ⌘C.");
    }
  }
  return element("div", { class: "field" }, element("label", { for: id }, label), element("div", { class: "copyable" }, shown, button));
}
