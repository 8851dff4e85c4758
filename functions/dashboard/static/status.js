// Says for a moment what was done, on the screen and to a screen reader.

import { element } from "./element.js";

/** @param {string} text */
export function say(text) {
  const toast = element("p", { class: "toast" }, text);
  document.getElementById("status")?.replaceChildren(toast);
  setTimeout(() => toast.remove(), 6000);
}
