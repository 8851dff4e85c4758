// The properties of an API key.

import { loadProjectNames, optional } from "./account-names.js";
import { request } from "./api.js";
import { properties } from "./details.js";
import { element } from "./element.js";
import { Names } from "./names.js";
import { permissionBadges } from "./permissions.js";
import { exactTime } from "./time.js";

/** @typedef {import("../types/contract").ApiKey} ApiKey */
/** @typedef {import("../types/contract").Me} Me */

/**
 * @param {ApiKey} key
 * @param {Me} me
 */
export function keyDetails(key, me) {
  const names = new Names();
  loadNames(key, me, names);
  return properties([
    ["Status", element("span", { class: `status ${key.status}` }, key.status)],
    ["Type", element("span", { class: `badge ${key.type}` }, key.type)],
    ["Permissions", permissionBadges(key.permissions)],
    ["Projects", projects(key, names)],
    ["Allowed IP addresses", addresses(key)],
    ["Secret", element("code", {}, key.hint)],
    ["Created", exactTime(key.created_at, "")],
    ["Created by", creator(key, me, names)],
    ["Expires", exactTime(key.expires_at, "Never")],
    ["Last used", element("span", {}, exactTime(key.last_used_at, "Never"), key.last_used_ip && ` from ${key.last_used_ip}`)],
  ]);
}

/**
 * @param {ApiKey} key
 * @param {Names} names
 */
function projects({ scope }, names) {
  if (scope === null) return "All projects";
  return element("ul", { class: "plain-list" }, ...scope.projects.map((id) => names.bindText(element("li", { title: id }), (nameOf) => nameOf(id))));
}

/** @param {ApiKey} key */
function addresses({ allowed_ips }) {
  if (allowed_ips === null) return "Any address";
  return element("ul", { class: "plain-list" }, ...allowed_ips.map((address) => element("li", {}, element("code", {}, address))));
}

/**
 * @param {ApiKey} key
 * @param {Me} me
 * @param {Names} names
 */
function creator({ created_by }, me, names) {
  if (created_by === null) return "Unknown. The service did not record it yet.";
  if (created_by === me.user_id) return `${me.email} (you)`;
  if (created_by.startsWith("key_")) {
    const link = element("a", { href: `#/api-keys/${created_by}` });
    return element("span", {}, "API key ", names.bindText(link, (nameOf) => nameOf(created_by)));
  }
  return names.bindText(element("span"), (nameOf) => nameOf(created_by));
}

/**
 * Loads the names that the properties show, as far as the member may read them.
 * @param {ApiKey} key
 * @param {Me} me
 * @param {Names} names
 */
function loadNames({ type, scope, created_by }, me, names) {
  if (scope !== null && me.permissions.includes("read")) optional(loadProjectNames(names, type));
  if (created_by?.startsWith("key_")) optional(loadName(`/api-keys/${created_by}`, (key) => names.set(key.id, key.name)));
  else if (created_by !== null && created_by !== me.user_id && me.permissions.includes("admin")) {
    optional(loadName(`/members/${created_by}`, (member) => names.set(member.id, member.email)));
  }
}

/**
 * @param {string} path
 * @param {(item: any) => void} onLoaded
 */
async function loadName(path, onLoaded) {
  onLoaded(await request("GET", path));
}
