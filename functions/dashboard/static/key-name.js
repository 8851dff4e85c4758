import { element } from "./element.js";

/**
 * Creates a link to the page of an API key, with the end of its secret below.
 * @param {import("../types/contract").ApiKey} key
 */
export function keyName({ id, name, hint }) {
  return element("span", { class: "two-lines" }, element("strong", {}, element("a", { href: `#/api-keys/${id}` }, name)), element("code", {}, hint));
}
