// The API keys screen.

import { listItems } from "./api.js";
import { openCreateKeyDialog } from "./create-key.js";
import { openEditKeyDialog } from "./edit-key.js";
import { element, uniqueId } from "./element.js";
import { heading } from "./heading.js";
import { list, rowButton } from "./list.js";
import { permissionBadges } from "./permissions.js";
import { openRevokeKeyDialog } from "./revoke-key.js";
import { openRotateKeyDialog } from "./rotate-key.js";
import { timeElement } from "./time.js";

/** @typedef {import("../types/contract").ApiKey} ApiKey */

const SEARCH_DELAY_MS = 200;

/**
 * @param {HTMLElement} main
 * @param {import("../types/contract").Me} me
 */
export function showApiKeys(main, me) {
  const search = element("input", { type: "search", id: uniqueId("filter"), placeholder: "Name, last 4 characters or project", autocomplete: "off", input: handleSearchInput });
  const type = element(
    "select",
    { id: uniqueId("filter"), change: reload },
    ...[["", "Live and test"], ["live", "Live"], ["test", "Test"]].map(([value, label]) => element("option", { value }, label)),
  );
  const includeRevoked = element("input", { type: "checkbox", id: uniqueId("filter"), change: reload });
  const filters = element(
    "form",
    { class: "filters", role: "search", "aria-label": "Filter API keys", submit: (/** @type {Event} */ event) => event.preventDefault() },
    element("label", { class: "visually-hidden", for: search.id }, "Search by name, last 4 characters or project"),
    search,
    element("label", { class: "visually-hidden", for: type.id }, "Filter by type"),
    type,
    element("label", { class: "checkbox", for: includeRevoked.id }, includeRevoked, "Include revoked"),
  );

  let readCount = 0;
  async function* readFiltered() {
    const currentRead = ++readCount;
    const searchText = search.value.trim().toLowerCase();
    /** @type {AsyncGenerator<ApiKey>} */
    const items = listItems("/api-keys", includeRevoked.checked ? { status: "all" } : {});
    for await (const key of items) {
      // The filters have changed since, and a newer read replaces this one.
      if (currentRead !== readCount) return;
      const searchable = [key.name, key.hint, ...(key.scope?.projects ?? [])].join("\n").toLowerCase();
      if ((type.value === "" || key.type === type.value) && searchable.includes(searchText)) yield key;
    }
  }

  const keys = list({
    caption: "API keys, newest first",
    columns: [
      { label: "Name", kind: "primary", cell: nameAndHint },
      { label: "Type", cell: (key) => element("span", { class: `badge ${key.type}` }, key.type) },
      { label: "Permissions", kind: "permissions", cell: (key) => permissionBadges(key.permissions) },
      { label: "Scope", kind: "scope", cell: scopeSummary },
      { label: "Status", cell: (key) => element("span", { class: `status ${key.status}` }, key.status) },
      { label: "Created", cell: (key) => timeElement(key.created_at) },
      { label: "Last used", cell: (key) => timeElement(key.last_used_at, "Never") },
      { label: "Expires", cell: (key) => timeElement(key.expires_at, "Never") },
      { label: "Actions", kind: "actions", cell: rowActions },
    ],
    read: readFiltered,
    emptyState,
  });

  /** @param {ApiKey} key */
  function rowActions(key) {
    const isManageable = me.permissions.includes("admin") || key.created_by === me.user_id;
    if (key.status === "revoked" || !isManageable) return null;
    const isChangeable = key.status === "active" || key.status === "disabled";
    const hasAllPermissions = key.permissions.every((permission) => me.permissions.includes(permission));
    return element(
      "span",
      { class: "row-actions" },
      isChangeable && rowButton("Edit", key.name, () => openEditKeyDialog(key, me, reload)),
      key.status === "active" && hasAllPermissions && rowButton("Rotate", key.name, () => openRotateKeyDialog(key, reload)),
      rowButton("Revoke", key.name, () => openRevokeKeyDialog(key, reload), "danger-subtle"),
    );
  }

  function emptyState() {
    const isFiltered = search.value !== "" || type.value !== "";
    return isFiltered
      ? element(
          "div",
          { class: "empty" },
          element("h2", {}, "No matching API keys"),
          element("button", { type: "button", click: clearFilters }, "Clear filters"),
        )
      : element(
          "div",
          { class: "empty" },
          element("h2", {}, "No API keys"),
          element("p", {}, "Your servers use API keys to call the API. Create one key for each server, and give it only the permissions that the server needs."),
          element("p", {}, "You see a key’s secret only once, when you create the key. Start with a ", element("strong", {}, "test"), " key: it accesses test data only."),
          element("button", { type: "button", class: "primary", click: openCreateDialog }, "Create your first key"),
        );
  }

  function clearFilters() {
    search.value = "";
    type.value = "";
    reload();
    search.focus();
  }

  let searchTimer = 0;
  function handleSearchInput() {
    clearTimeout(searchTimer);
    searchTimer = setTimeout(reload, SEARCH_DELAY_MS);
  }
  function reload() {
    keys.reload();
  }
  function openCreateDialog() {
    openCreateKeyDialog(me, reload);
  }

  main.append(
    heading(
      "API keys",
      "Your servers use these keys to authenticate to the API.",
      element("button", { type: "button", class: "primary", click: openCreateDialog }, "Create API key"),
    ),
    filters,
    keys.element,
  );
  reload();
}

/** @param {ApiKey} key */
function nameAndHint(key) {
  return element("span", { class: "two-lines" }, element("strong", {}, element("a", { href: `#/api-keys/${key.id}` }, key.name)), element("code", {}, key.hint));
}

/** @param {ApiKey} key */
function scopeSummary({ scope }) {
  if (scope === null) return element("span", { class: "muted" }, "All projects");
  const [first, ...others] = scope.projects;
  return element(
    "span",
    { title: scope.projects.join("\n") },
    element("code", {}, first),
    others.length > 0 && ` and ${others.length} more`,
  );
}
