// The frame of the screens for people who are not logged in.

import { element } from "./element.js";

/** @typedef {import("./element.js").Child} Child */

/**
 * @param {HTMLElement} app
 * @param {object} options
 * @param {string} options.title
 * @param {Child[]} [options.heading] Content of the heading, if it is not just the title.
 * @param {string} options.description
 * @param {string} [options.notice]
 * @param {Child[]} options.content
 */
export function showLoggedOutScreen(app, { title, heading = [title], description, notice, content }) {
  document.title = `${title} · MedTWIN`;
  app.replaceChildren(
    element(
      "main",
      { class: "login" },
      element("h1", { tabindex: -1 }, ...heading),
      element("p", { class: "muted" }, description),
      notice && element("p", { class: "notice", role: "alert" }, notice),
      ...content,
    ),
  );
  const focused = app.querySelector("[data-focus]") ?? app.querySelector("h1");
  if (focused instanceof HTMLElement) focused.focus();
}
