import { element } from "./element.js";

/**
 * Creates the heading of a screen.
 * @param {string} title
 * @param {string} description
 * @param {import("./element.js").Child} [action]
 */
export function heading(title, description, action) {
  return element(
    "header",
    { class: "heading" },
    element("div", {}, element("h1", { tabindex: -1 }, title), element("p", { class: "muted" }, description)),
    action,
  );
}

/** Moves the focus to the heading if the focused element was removed from the page. */
export function restoreFocus() {
  if (document.activeElement === document.body) document.querySelector("h1")?.focus();
}
