import { element, uniqueId } from "./element.js";

const COPIED_MS = 3000;

/**
 * Creates a read-only field with a button that copies its text.
 * @param {string} label
 * @param {string} text
 */
export function copyField(label, text) {
  const id = uniqueId("copy");
  const input = element("input", { id, type: "text", readonly: true, autocomplete: "off", spellcheck: "false", focus: () => input.select() });
  input.value = text;
  const { button, status } = copyButton(label, text, () => {
    input.focus();
    input.select();
  });
  return element("div", { class: "field" }, element("label", { for: id }, label), element("div", { class: "input-with-button" }, input, button), status);
}

/**
 * Creates a button that copies a text, and the element that says what happened.
 * @param {string} label What the text is.
 * @param {string} text
 * @param {() => void} select Selects the text on the page, for the case that the browser blocks copying.
 */
export function copyButton(label, text, select) {
  const button = element("button", { type: "button", "aria-label": `Copy ${label.toLowerCase()}`, click: copy }, "Copy");
  // Not a toast: toasts are behind an open dialog, where screen readers don't announce them.
  const status = element("p", { class: "hint", role: "status" });
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
      status.textContent = `${label} copied.`;
      setTimeout(() => (button.textContent = "Copy"), COPIED_MS);
    } catch {
      select();
      status.textContent = "Your browser blocked copying. The text is selected: press Ctrl+C or ⌘C.";
    }
  }
  return { button, status };
}
