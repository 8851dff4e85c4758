// The head of a screen.

import { element } from "./element.js";

/**
 * @param {string} title
 * @param {string} about
 * @param {import("./element.js").Child} [action]
 */
export function heading(title, about, action) {
  return element(
    "header",
    { class: "heading" },
    element("div", {}, element("h1", { tabindex: -1 }, title), element("p", { class: "quiet" }, about)),
    action,
  );
}

/** Gives the focus to the head of the screen, where what had it is gone: it would be nowhere. */
export function keepFocus() {
  if (document.activeElement === document.body) document.querySelector("h1")?.focus();
}
