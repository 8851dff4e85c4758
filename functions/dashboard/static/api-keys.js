// The API keys screen.

import { loadMemberNames, loadProjectNames, optional } from "./account-names.js";
import { listItems } from "./api.js";
import { openCreateKeyDialog } from "./create-key.js";
import { element } from "./element.js";
import { heading } from "./heading.js";
import { keyActions } from "./key-actions.js";
import { keyFilters } from "./key-filters.js";
import { keyName } from "./key-name.js";
import { matches, sorted } from "./key-order.js";
import { keySelection } from "./key-selection.js";
import { list } from "./list.js";
import { menuButton } from "./menu.js";
import { Names } from "./names.js";
import { permissionBadges } from "./permissions.js";
import { timeElement } from "./time.js";

/** @typedef {import("../types/contract").ApiKey} ApiKey */

/** More than an account can have unrevoked by default. Revoked keys are not limited, so the user decides whether to load all of them. */
const MAX_KEYS = 1000;

/** @satisfies {Record<string, Record<string, string>>} */
const QUERIES = {
  default: {},
  all: { status: "all" },
  revoked: { status: "revoked" },
  noncompliant: { compliant: "false" },
};

/**
 * @param {HTMLElement} main
 * @param {import("../types/contract").Me} me
 * @param {URLSearchParams} parameters
 */
export function showApiKeys(main, me, parameters) {
  const isAdmin = me.permissions.includes("admin");
  const names = new Names();
  const filters = keyFilters(parameters, me, showFiltered);
  const selection = keySelection(reload);
  const notice = element("div", { role: "status" });

  /** @type {keyof typeof QUERIES} What the loaded keys were requested with. */
  let loadedStatus = "default";
  let maxKeys = MAX_KEYS;
  /** @type {Promise<{ keys: ApiKey[], isComplete: boolean }> | null} */
  let loading = null;
  /** @type {ApiKey | null} A key that the user has just created. */
  let createdKey = null;
  let count = "";
  let loadedCount = 0;
  let readCount = 0;

  async function* readMatching() {
    const currentRead = ++readCount;
    const status = requestedStatus(filters.values().status);
    if (status !== loadedStatus) loading = null;
    loadedStatus = status;
    const currentLoading = (loading ??= load(status, maxKeys));
    const { keys, isComplete } = await currentLoading.catch((error) => {
      if (loading === currentLoading) loading = null;
      throw error;
    });
    // The filters have changed since, and a newer read replaces this one.
    if (currentRead !== readCount) return;
    const values = filters.values();
    const matching = sorted(keys.filter((key) => matches(key, values, (id) => names.get(id) ?? "")), values.sort);
    loadedCount = keys.length;
    count = countText(matching.length, keys.length);
    selection.setKeys(matching);
    showNotice(matching, isComplete);
    yield* matching;
  }

  /**
   * @param {keyof typeof QUERIES} status
   * @param {number} limit
   */
  async function load(status, limit) {
    /** @type {ApiKey[]} */
    const keys = [];
    let isComplete = true;
    /** @type {AsyncGenerator<ApiKey>} */
    const items = listItems("/api-keys", QUERIES[status]);
    for await (const key of items) {
      isComplete = keys.length < limit;
      if (!isComplete) break;
      keys.push(key);
    }
    loadNames(keys);
    return { keys, isComplete };
  }

  let areMembersRequested = false;
  /** @type {Set<import("../types/contract").Environment>} */
  const requestedProjects = new Set();

  /**
   * Loads the names of creators and projects, as far as the member may read them.
   * @param {ApiKey[]} keys
   */
  async function loadNames(keys) {
    for (const { id, name } of keys) names.set(id, name);
    filters.setCreators(keys.map((key) => key.created_by), names);
    const hasOtherCreators = keys.some(({ created_by }) => created_by?.startsWith("user_") && created_by !== me.user_id);
    if (isAdmin && hasOtherCreators && !areMembersRequested) {
      areMembersRequested = true;
      optional(loadMemberNames(names));
    }
    if (!me.permissions.includes("read")) return;
    for (const { scope, type } of keys) {
      if (scope === null || requestedProjects.has(type)) continue;
      requestedProjects.add(type);
      await optional(loadProjectNames(names, type));
      // The search may find a key by the name of a project.
      if (filters.values().search !== "" && filters.element.isConnected) showFiltered();
    }
  }

  /**
   * @param {ApiKey[]} matching
   * @param {boolean} isComplete
   */
  function showNotice(matching, isComplete) {
    const created = createdKey;
    if (created && matching.some(({ id }) => id === created.id)) createdKey = null;
    if (createdKey) {
      notice.replaceChildren(noticeWithButton(`The filters hide the new key ${createdKey.name}.`, "Show the new key", filters.clear));
    } else if (!isComplete) {
      notice.replaceChildren(noticeWithButton(`Only the newest ${maxKeys} keys are loaded. The search, the filters and the order apply to these.`, "Load all keys", loadAll));
    } else notice.replaceChildren();
  }

  function loadAll() {
    maxKeys = Infinity;
    reload();
  }

  const keys = list({
    caption: "API keys",
    columns: [
      ...(isAdmin ? [{ label: "Select", kind: "select", cell: selection.checkbox }] : []),
      { label: "Name", kind: "primary", cell: keyName },
      { label: "Type", cell: (key) => element("span", { class: `badge ${key.type}` }, key.type) },
      { label: "Permissions", kind: "permissions", cell: (key) => permissionBadges(key.permissions) },
      { label: "Projects", kind: "scope", cell: (key) => projectSummary(key, names) },
      { label: "Status", cell: (key) => element("span", { class: `status ${key.status}` }, key.status) },
      { label: "Created", cell: (key) => timeElement(key.created_at) },
      { label: "Last used", cell: (key) => timeElement(key.last_used_at, "Never") },
      { label: "Expires", cell: (key) => timeElement(key.expires_at, "Never") },
      { label: "Actions", kind: "actions", cell: rowMenu },
    ],
    read: readMatching,
    emptyState,
    countText: (shown, hasMore) => (hasMore ? `${count}, first ${shown} shown` : count),
  });

  /** @param {ApiKey} key */
  function rowMenu(key) {
    const actions = keyActions(key, me, reload);
    return actions.length > 0 && menuButton(key.name, actions);
  }

  function emptyState() {
    const hasKeys = loadedCount > 0 || loadedStatus === "revoked" || loadedStatus === "noncompliant";
    return hasKeys
      ? element(
          "div",
          { class: "empty" },
          element("h2", {}, "No matching API keys"),
          element("button", { type: "button", click: filters.clear }, "Clear filters"),
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

  /** Loads the keys again. */
  function reload() {
    loading = null;
    keys.reload();
  }

  /** Applies the filters to the loaded keys. */
  function showFiltered() {
    keys.reload();
  }

  function openCreateDialog() {
    openCreateKeyDialog(me, (key) => {
      createdKey = key;
      reload();
    });
  }

  main.append(
    heading(
      "API keys",
      "Your servers use these keys to authenticate to the API.",
      element("button", { type: "button", class: "primary", click: openCreateDialog }, "Create API key"),
    ),
    filters.element,
    notice,
    ...(isAdmin ? [selection.element] : []),
    keys.element,
  );
  reload();
}

/**
 * Returns what to request for a status filter. The API's default leaves out revoked keys, and all other statuses are filtered here.
 * @param {string} status
 */
function requestedStatus(status) {
  return status === "revoked" || status === "all" || status === "noncompliant" ? status : "default";
}

/**
 * @param {number} matching
 * @param {number} all
 */
function countText(matching, all) {
  const keys = all === 1 ? "1 key" : `${all} keys`;
  return matching === all ? keys : `${matching} of ${keys}`;
}

/**
 * @param {string} text
 * @param {string} label
 * @param {() => void} onClick
 */
function noticeWithButton(text, label, onClick) {
  return element("div", { class: "notice with-button" }, element("p", {}, text), element("button", { type: "button", click: onClick }, label));
}

/**
 * @param {ApiKey} key
 * @param {Names} names
 */
function projectSummary({ scope }, names) {
  if (scope === null) return element("span", { class: "muted" }, "All projects");
  const [first, ...others] = scope.projects;
  return element(
    "span",
    { title: scope.projects.map((id) => names.get(id) ?? id).join("\n") },
    names.bindText(element("span"), (nameOf) => nameOf(first)),
    others.length > 0 && ` and ${others.length} more`,
  );
}
