import { element, uniqueId } from "./element.js";

const COPIED_MS = 3000;

/**
 * Creates a read-only field with a button that copies its text.
 * @param {string} label
 * @param {string} text
 */
export function copyField(label, text) {
  const id = uniqueId("copy");
  const input = element("input", { id, type: "text", readonly: true, autocomplete: "off", spellcheck: "false", focus: select });
  input.value = text;
  const button = element("button", { type: "button", click: copy }, "Copy");
  button.setAttribute("aria-label", `Copy ${label.toLowerCase()}`);
  // Not a toast: toasts are behind an open dialog, where screen readers don't announce them.
  const status = element("p", { class: "hint", role: "status" });
  function select() {
    input.select();
  }
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
      status.textContent = `${label} copied.`;
      setTimeout(() => (button.textContent = "Copy"), COPIED_MS);
    } catch {
      input.focus();
      input.select();
      status.textContent = "Your browser blocked copying. The text is selected: press Ctrl+C or ⌘C.";
    }
  }
  return element("div", { class: "field" }, element("label", { for: id }, label), element("div", { class: "input-with-button" }, input, button), status);
}
