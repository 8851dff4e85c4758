// Short messages at the edge of the page, which screen readers announce.

import { ApiError } from "./api.js";
import { element } from "./element.js";

const DURATION_MS = 6000;

/** @param {string} message */
export function showToast(message) {
  const toast = element("p", { class: "toast" }, message);
  document.getElementById("toasts")?.replaceChildren(toast);
  setTimeout(() => toast.remove(), DURATION_MS);
}

/**
 * Shows why the API rejected a request, and throws every other error again. Returns false after a 401: the session has ended, which has
 * been handled.
 * @param {unknown} error
 */
export function showRequestError(error) {
  if (!(error instanceof ApiError)) throw error;
  if (error.status === 401) return false;
  showToast(error.message);
  return true;
}
