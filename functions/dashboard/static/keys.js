// API Keys: all keys of the account.

import { things } from "./api.js";
import { openCreateKey } from "./create-key.js";
import { element, newId } from "./element.js";
import { heading } from "./heading.js";
import { list, rowButton } from "./list.js";
import { permissionBadges } from "./permissions.js";
import { openRevokeKey } from "./revoke-key.js";
import { openRotateKey } from "./rotate-key.js";
import { when } from "./time.js";

/** @typedef {import("../types/contract").ApiKey} ApiKey */

/**
 * @param {HTMLElement} main
 * @param {import("../types/contract").Me} me
 */
export function openKeys(main, me) {
  const text = element("input", { type: "search", id: newId("filter"), placeholder: "Name, hint or project", autocomplete: "off", input: typed });
  const type = element(
    "select",
    { id: newId("filter"), change: reload },
    ...[["", "Live and test"], ["live", "Live"], ["test", "Test"]].map(([value, label]) => element("option", { value }, label)),
  );
  const revoked = element("input", { type: "checkbox", id: newId("filter"), change: reload });
  const filters = element(
    "form",
    { class: "filters", role: "search", "aria-label": "Filter the keys", submit: (/** @type {Event} */ event) => event.preventDefault() },
    element("label", { class: "unseen", for: text.id }, "Filter by name, hint or project"),
    text,
    element("label", { class: "unseen", for: type.id }, "Filter by type"),
    type,
    element("label", { class: "check", for: revoked.id }, revoked, "Revoked ones too"),
  );

  let readings = 0;
  async function* read() {
    const mine = ++readings;
    const sought = text.value.trim().toLowerCase();
    /** @type {AsyncGenerator<ApiKey>} */
    const keys = things("/api-keys", revoked.checked ? { status: "all" } : {});
    for await (const key of keys) {
      // Something else is wanted by now.
      if (mine !== readings) return;
      const words = [key.name, key.hint, ...(key.scope?.projects ?? [])].join("\n").toLowerCase();
      if ((type.value === "" || key.type === type.value) && words.includes(sought)) yield key;
    }
  }

  const keys = list({
    caption: "API keys, the newest first",
    columns: [
      { label: "Name", kind: "main", cell: nameAndHint },
      { label: "Type", cell: (key) => element("span", { class: `badge ${key.type}` }, key.type) },
      { label: "Permissions", kind: "permissions", cell: (key) => permissionBadges(key.permissions) },
      { label: "Scope", kind: "scope", cell: scope },
      { label: "Status", cell: (key) => element("span", { class: `dot ${key.status}` }, key.status) },
      { label: "Created", cell: (key) => when(key.created_at) },
      { label: "Last used", cell: (key) => when(key.last_used_at, "Not yet") },
      { label: "Expires", cell: (key) => when(key.expires_at, "Never") },
      { label: "Actions", kind: "actions", cell: actions },
    ],
    read,
    empty,
  });

  /** @param {ApiKey} key */
  function actions(key) {
    if (key.status === "revoked") return null;
    const holdsAll = key.permissions.every((permission) => me.permissions.includes(permission));
    return element(
      "span",
      { class: "row-actions" },
      key.status === "active" && holdsAll && rowButton("Rotate", key.name, () => openRotateKey(key, reload)),
      rowButton("Revoke", key.name, () => openRevokeKey(key, reload), "danger-quiet"),
    );
  }

  function empty() {
    const filtered = text.value !== "" || type.value !== "";
    return filtered
      ? element(
          "div",
          { class: "empty" },
          element("h2", {}, "No key is like that"),
          element("button", { type: "button", click: clear }, "Show all keys"),
        )
      : element(
          "div",
          { class: "empty" },
          element("h2", {}, "No API keys"),
          element("p", {}, "An API key lets a server of yours call the API. Create one for each server, with only the permissions that it needs: what a key can’t do, nobody can do with it."),
          element("p", {}, "You see a key once, when it is created. Start with a ", element("strong", {}, "test"), " key: it sees test data alone."),
          element("button", { type: "button", class: "primary", click: create }, "Create a key"),
        );
  }

  function clear() {
    text.value = "";
    type.value = "";
    reload();
    text.focus();
  }

  let pause = 0;
  function typed() {
    clearTimeout(pause);
    pause = setTimeout(reload, 200);
  }
  function reload() {
    keys.reload();
  }
  function create() {
    openCreateKey(me, reload);
  }

  main.append(
    heading(
      "API Keys",
      "What your servers call the API with.",
      element("button", { type: "button", class: "primary", click: create }, "Create API Key"),
    ),
    filters,
    keys.element,
  );
  reload();
}

/** @param {ApiKey} key */
function nameAndHint(key) {
  return element("span", { class: "two-lines" }, element("strong", {}, key.name), element("code", {}, key.hint));
}

/** @param {ApiKey} key */
function scope({ scope }) {
  if (scope === null) return element("span", { class: "quiet" }, "Every project");
  const [first, ...others] = scope.projects;
  return element(
    "span",
    { title: scope.projects.join("\n") },
    element("code", {}, first),
    others.length > 0 && ` and ${others.length} more`,
  );
}
