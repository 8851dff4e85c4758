// Short messages at the edge of the page, which screen readers announce.

import { element } from "./element.js";

const DURATION_MS = 6000;

/** @param {string} message */
export function showToast(message) {
  const toast = element("p", { class: "toast" }, message);
  document.getElementById("toasts")?.replaceChildren(toast);
  setTimeout(() => toast.remove(), DURATION_MS);
}
