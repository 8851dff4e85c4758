// Which API keys a list shows, and in which order.

/** @typedef {import("../types/contract").ApiKey} ApiKey */

/**
 * @typedef {object} Filters
 * @property {string} search Text to find in the name, the hint, or the name or ID of a project.
 * @property {string} type Empty for both.
 * @property {string} status A status, "all", or "noncompliant" if only the keys that don't comply with the account's policy are loaded. Empty
 *   for all but revoked keys.
 * @property {string} createdBy The ID of a creator, or "none". Empty for any.
 * @property {string} sort
 */

/** Values and labels. */
export const SORT_ORDERS = [
  ["", "Newest first"],
  ["oldest", "Oldest first"],
  ["name", "Name"],
  ["used", "Recently used first"],
  ["unused", "Longest unused first"],
  ["expiry", "Expiring soonest first"],
];

const NAME_ORDER = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

/**
 * @param {ApiKey} key
 * @param {Filters} filters
 * @param {(projectId: string) => string} projectName
 */
export function matches(key, { search, type, status, createdBy }, projectName) {
  const projects = key.scope?.projects ?? [];
  const searchable = [key.name, key.hint, ...projects, ...projects.map(projectName)].join("\n").toLowerCase();
  return (
    (type === "" || key.type === type) &&
    (status === "" ? key.status !== "revoked" : status === "all" || status === "noncompliant" || key.status === status) &&
    (createdBy === "" || (key.created_by ?? "none") === createdBy) &&
    searchable.includes(search.toLowerCase())
  );
}

/**
 * @param {ApiKey[]} keys Newest first.
 * @param {string} sort
 */
export function sorted(keys, sort) {
  switch (sort) {
    case "oldest":
      return keys.toReversed();
    case "name":
      return keys.toSorted((one, other) => NAME_ORDER.compare(one.name, other.name));
    case "used":
      return keys.toSorted((one, other) => timeOf(other.last_used_at, -Infinity) - timeOf(one.last_used_at, -Infinity) || 0);
    case "unused":
      return keys.toSorted((one, other) => timeOf(one.last_used_at, -Infinity) - timeOf(other.last_used_at, -Infinity) || 0);
    case "expiry":
      return keys.toSorted((one, other) => timeOf(one.expires_at, Infinity) - timeOf(other.expires_at, Infinity) || 0);
    default:
      return keys;
  }
}

/**
 * @param {string | null} time
 * @param {number} fallback
 */
function timeOf(time, fallback) {
  return time === null ? fallback : Date.parse(time);
}
