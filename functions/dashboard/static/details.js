// The parts of pages with details: sections and lists of properties.

import { element } from "./element.js";

/** @typedef {import("./element.js").Child} Child */

/**
 * @param {string} title
 * @param {...Child} content
 */
export function section(title, ...content) {
  return element("section", { class: "section" }, element("h2", {}, title), ...content);
}

/** @param {[string, Child][]} pairs Labels and values. */
export function properties(pairs) {
  return element("dl", { class: "properties" }, ...pairs.map(([label, value]) => element("div", {}, element("dt", {}, label), element("dd", {}, value))));
}
