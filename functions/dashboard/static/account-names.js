// Loads the names of what the account has.

import { ApiError, listItems } from "./api.js";

/** @typedef {import("./names.js").Names} Names */

/**
 * Waits for names that the page can do without: it shows IDs in place of missing names.
 * @param {Promise<void>} loading
 */
export async function optional(loading) {
  try {
    await loading;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
  }
}

/**
 * @param {Names} names
 * @param {(id: string, name: string) => void} [onName]
 */
export async function loadKeyNames(names, onName) {
  /** @type {AsyncGenerator<import("../types/contract").ApiKey>} */
  const keys = listItems("/api-keys", { status: "all" });
  for await (const { id, name } of keys) {
    names.set(id, name);
    onName?.(id, name);
  }
}

/**
 * Loads the email addresses of members. Only admins may list members.
 * @param {Names} names
 * @param {(id: string, email: string) => void} [onName]
 */
export async function loadMemberNames(names, onName) {
  /** @type {AsyncGenerator<import("../types/contract").Member>} */
  const members = listItems("/members");
  for await (const { id, email } of members) {
    names.set(id, email);
    onName?.(id, email);
  }
}

/**
 * Loads the names of projects. This needs the permission `read`.
 * @param {Names} names
 * @param {import("../types/contract").Environment} environment
 */
export async function loadProjectNames(names, environment) {
  /** @type {AsyncGenerator<import("../types/contract").Project>} */
  const projects = listItems("/projects", { environment });
  for await (const { id, name } of projects) names.set(id, name);
}
