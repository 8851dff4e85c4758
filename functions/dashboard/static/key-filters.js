// The filters and the order of the API keys screen. The URL contains them, so that they survive a reload and can be shared.

import { element } from "./element.js";
import { withHiddenLabel } from "./form.js";
import { SORT_ORDERS } from "./key-order.js";

/** @typedef {import("./key-order.js").Filters} Filters */

const SEARCH_DELAY_MS = 200;
const PATH = "#/api-keys";

const TYPES = [
  ["", "Live and test"],
  ["live", "Live"],
  ["test", "Test"],
];
const STATUSES = [
  ["", "Not revoked"],
  ["active", "Active"],
  ["disabled", "Disabled"],
  ["expired", "Expired"],
  ["idle", "Idle"],
  ["revoked", "Revoked"],
  ["all", "Any status"],
  ["noncompliant", "Doesn’t comply with the policy"],
];
/** Value for keys without a recorded creator. */
export const NO_CREATOR = "none";

let lastUrl = PATH;

/** Returns the URL of the API keys screen with the filters that it had last. */
export function apiKeysUrl() {
  return lastUrl;
}

/**
 * @param {URLSearchParams} parameters
 * @param {import("../types/contract").Me} me
 * @param {() => void} onChange
 */
export function keyFilters(parameters, me, onChange) {
  const search = element("input", { type: "search", placeholder: "Name, last 4 characters or project", autocomplete: "off", input: handleSearchInput });
  search.value = parameters.get("search") ?? "";
  const type = select("type", TYPES);
  const status = select("status", STATUSES);
  const creator = select("created_by", [["", "Any creator"]]);
  const sort = select("sort", SORT_ORDERS);
  setCreators([]);
  lastUrl = PATH;
  // Removes parameters that are no filters.
  if (parameters.size > 0) saveInUrl();
  const filters = element(
    "form",
    { class: "filters", role: "search", "aria-label": "Filter API keys", submit: (/** @type {Event} */ event) => event.preventDefault() },
    ...withHiddenLabel("Search by name, last 4 characters or project", search),
    ...withHiddenLabel("Filter by type", type),
    ...withHiddenLabel("Filter by status", status),
    ...withHiddenLabel("Filter by creator", creator),
    ...withHiddenLabel("Sort by", sort),
  );

  /**
   * @param {string} parameter
   * @param {string[][]} options
   */
  function select(parameter, options) {
    const control = element("select", { change: handleChange }, ...options.map(([value, label]) => element("option", { value }, label)));
    const value = parameters.get(parameter) ?? "";
    if (options.some(([known]) => known === value)) control.value = value;
    return control;
  }

  /**
   * Offers these creators, and the selected one.
   * @param {(string | null)[]} ids
   * @param {import("./names.js").Names} [names]
   */
  function setCreators(ids, names) {
    const selected = creator.value === "" && ids.length === 0 ? (parameters.get("created_by") ?? "") : creator.value;
    const values = new Set([me.user_id, ...ids.map((id) => id ?? NO_CREATOR), selected]);
    values.delete("");
    creator.replaceChildren(element("option", { value: "" }, "Any creator"), ...[...values].map((value) => creatorOption(value, names)));
    creator.value = selected;
  }

  /**
   * @param {string} value
   * @param {import("./names.js").Names} [names]
   */
  function creatorOption(value, names) {
    const option = element("option", { value });
    if (value === NO_CREATOR) option.textContent = "Creator not recorded";
    else if (value === me.user_id) option.textContent = "Created by you";
    else if (names) names.bindText(option, (nameOf) => `Created by ${nameOf(value)}`);
    else option.textContent = `Created by ${value}`;
    return option;
  }

  /** @returns {Filters} */
  function values() {
    return { search: search.value.trim(), type: type.value, status: status.value, createdBy: creator.value, sort: sort.value };
  }

  function clear() {
    for (const control of [search, type, status, creator]) control.value = "";
    handleChange();
    search.focus();
  }

  let searchTimer = 0;
  function handleSearchInput() {
    clearTimeout(searchTimer);
    searchTimer = setTimeout(handleChange, SEARCH_DELAY_MS);
  }

  function handleChange() {
    clearTimeout(searchTimer);
    // The user may have opened another screen since.
    if (!filters.isConnected) return;
    saveInUrl();
    onChange();
  }

  function saveInUrl() {
    const { search, type, status, createdBy, sort } = values();
    const entries = [["search", search], ["type", type], ["status", status], ["created_by", createdBy], ["sort", sort]];
    const query = new URLSearchParams(entries.filter(([, value]) => value !== ""));
    lastUrl = query.size === 0 ? PATH : `${PATH}?${query}`;
    history.replaceState(null, "", lastUrl);
  }
  return { element: filters, values, clear, setCreators };
}
