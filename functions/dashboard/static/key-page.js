// The page of one API key.

import { ApiError, request } from "./api.js";
import { section } from "./details.js";
import { element } from "./element.js";
import { heading, restoreFocus } from "./heading.js";
import { keyActions } from "./key-actions.js";
import { keyDetails } from "./key-details.js";
import { apiKeysUrl } from "./key-filters.js";
import { keyHistory } from "./key-history.js";
import { keyUsage } from "./key-usage.js";
import { errorMessage } from "./list.js";
import { previousSecretNotice } from "./previous-secret.js";
import { simulator } from "./simulator.js";

/** @typedef {import("../types/contract").ApiKey} ApiKey */

/**
 * @param {HTMLElement} main
 * @param {import("../types/contract").Me} me
 * @param {string} id
 */
export function showApiKey(main, me, id) {
  const actions = element("div", { class: "buttons" });
  const header = heading("API key", id, actions);
  const title = /** @type {HTMLElement} */ (header.querySelector("h1"));
  const content = element("div", { class: "sections", "aria-busy": "true" });
  const overview = element("div", { class: "sections" });
  let isComplete = false;
  const history = me.permissions.includes("admin") ? keyHistory(id) : null;

  async function load() {
    try {
      /** @type {ApiKey} */
      const key = await request("GET", `/api-keys/${encodeURIComponent(id)}`);
      // The user has opened another screen since.
      if (!content.isConnected) return;
      show(key);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (!content.isConnected) return;
      showError(error);
    }
    content.setAttribute("aria-busy", "false");
    restoreFocus();
  }

  /** @param {ApiKey} key */
  function show(key) {
    title.textContent = key.name;
    document.title = `${key.name} · MedTWIN`;
    actions.replaceChildren(
      ...keyActions(key, me, load).map(({ label, start, isDestructive }) =>
        element("button", { type: "button", class: isDestructive ? "danger-subtle" : "", click: start }, label),
      ),
    );
    const previousSecret = previousSecretNotice(key, me, load);
    overview.replaceChildren(...(previousSecret ? [previousSecret] : []), section("Details", keyDetails(key, me)));
    if (!isComplete) {
      content.replaceChildren(
        overview,
        section("Usage", keyUsage(key)),
        section("Test this key", simulator(key)),
        ...(history ? [section("History", history.element)] : []),
      );
      isComplete = true;
    }
    history?.reload(key);
  }

  /** @param {ApiError} error */
  function showError(error) {
    isComplete = false;
    actions.replaceChildren();
    if (error.status === 404) content.replaceChildren(element("p", { class: "empty" }, "There is no API key with this ID in your account."));
    else content.replaceChildren(errorMessage(error, load));
  }

  main.append(element("p", { class: "back" }, element("a", { href: apiKeysUrl() }, "All API keys")), header, content);
  load();
}
