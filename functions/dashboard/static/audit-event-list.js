// A list of audit events.

import { listItems } from "./api.js";
import { element } from "./element.js";
import { list } from "./list.js";
import { formatDateTime, timeElement } from "./time.js";

/** @typedef {import("../types/contract").AuditEvent} AuditEvent */
/** @typedef {import("./names.js").Names} Names */

/**
 * @param {object} options
 * @param {string} options.caption
 * @param {() => URLSearchParams} options.query The parameters of the API's list.
 * @param {Names} options.names
 */
export function auditEventList({ caption, query, names }) {
  /** @returns {AsyncGenerator<AuditEvent>} */
  const read = () => listItems("/audit-events", query());

  /** @param {AuditEvent} event */
  function descriptionAndType(event) {
    const description = names.bindText(element("strong"), (nameOf) => describeEvent(event, nameOf));
    return element("span", { class: "two-lines" }, description, element("code", {}, event.type));
  }

  return list({
    caption,
    columns: [
      { label: "Time", cell: (event) => timeElement(event.created_at) },
      { label: "Event", kind: "primary", cell: descriptionAndType },
      { label: "Actor", cell: (event) => actorName(event, names) },
      { label: "IP address", cell: (event) => event.source_ip ?? element("span", { class: "muted" }, "–") },
      { label: "Request ID", kind: "wrap", cell: (event) => element("code", {}, event.request_id) },
    ],
    read,
    emptyState: () => element("p", { class: "empty" }, query().size === 0 ? "No audit events." : "No matching audit events."),
  });
}

/** @param {{ live: number | null; test: number | null } | null | undefined} limits */
function byType(limits) {
  return `${limits?.live ?? "default"} live, ${limits?.test ?? "default"} test`;
}

/**
 * @param {AuditEvent} event
 * @param {import("./names.js").NameOf} nameOf
 */
function describeEvent(event, nameOf) {
  const key = event.name ?? nameOf(event.key_id);
  const member = event.email ?? nameOf(event.user_id);
  const permissions = event.permissions?.join(", ");
  /** @type {Record<string, () => string>} */
  const descriptions = {
    "account.created": () => `Account ${event.name} created with member ${member}`,
    "account.suspended": () => "Account suspended",
    "account.restored": () => "Account restored",
    "account.changed": () => `Account changed. Name: ${event.name}. ${event.policy ? describePolicy(event.policy) : ""}`,
    "account.limits_changed": () =>
      `Limits changed. Requests per minute: ${byType(event.requests_per_minute)}. Keys: ${byType(event.keys)}. Sessions per member: ${event.sessions_per_member ?? "default"}.`,
    "account.credentials_ended": () => "All sessions, API keys and invitations of the account ended",
    "member.invited": () => `Member ${member} invited. Permissions: ${permissions}.`,
    "member.accepted": () => `Member ${member} accepted the invitation`,
    "member.created": () => `Member ${member} added. Permissions: ${permissions}.`,
    "member.changed": () => `Member ${member} changed. Status: ${event.status}. Permissions: ${permissions}.`,
    "member.removed": () => `Member ${member} removed`,
    "member.forgotten": () => `The operator erased the addresses of the former member ${member}`,
    "password.changed": () => `Password changed for ${member}`,
    "password.refused": () => `Wrong password for ${member} in a session`,
    "password.enabled": () => `Password enabled for ${member}`,
    "password.reset": () => `Password reset by ${member}`,
    "password.reset_issued": () => `The operator created a token to reset the password of ${member}`,
    "passkey.added": () => `Passkey ${event.name} of ${member} added`,
    "passkey.removed": () => `Passkey ${event.name} of ${member} removed`,
    "recovery_codes.created": () => `New recovery codes for ${member}`,
    "recovery_code.used": () => `${member} logged in with a recovery code`,
    "second_factor.refused": () => `Second factor rejected for ${member}: ${event.factor?.replaceAll("_", " ")}`,
    "login.succeeded": () => `${member} logged in`,
    "session.ended": () => `A session of ${member} ended`,
    "member.sessions_ended": () => `All ${event.kept_session_id ? "other " : ""}sessions of ${member} ended`,
    "login.refused": () => `Login failed for ${member}: ${event.reason?.replaceAll("_", " ")}`,
    "project.created": () => `Project ${event.name} created`,
    "project.changed": () => `Project ${event.name} renamed`,
    "project.deleted": () => `Project ${event.name ?? event.project_id} deleted`,
    "api_key.created": () => `API key ${key} created. Type: ${event.key_type}. Permissions: ${permissions}.`,
    "api_key.changed": () => `API key ${key} changed. Permissions: ${permissions}. ${event.disabled ? "Disabled." : "Enabled."}`,
    "api_key.rotated": () => `API key ${key} rotated. The old secret works until ${formatDateTime(event.previous_expires_at ?? event.created_at)}.`,
    "api_key.revoked": () => `API key ${key} revoked${event.reason === "reported" ? ", because somebody reported a leaked secret" : ""}`,
  };
  return (descriptions[event.type] ?? (() => event.type))();
}

/** @param {Partial<import("../types/contract").AccountPolicy>} policy An event from before a field existed lacks it. */
function describePolicy({ max_key_lifetime_days, idle_key_days, reauthentication_minutes, require_second_factor }) {
  const lifetime = max_key_lifetime_days == null ? "no limit" : `${max_key_lifetime_days} days`;
  const idle = idle_key_days == null ? "never become idle" : `become idle after ${idle_key_days} days`;
  const reauthentication = reauthentication_minutes == null ? "" : ` Changes of keys need an authentication in the last ${reauthentication_minutes} minutes.`;
  const secondFactor = require_second_factor ? " A second factor is required." : "";
  return `Longest key lifetime: ${lifetime}. Keys ${idle}.${reauthentication}${secondFactor}`;
}

/**
 * @param {AuditEvent} event
 * @param {Names} names
 */
function actorName({ actor }, names) {
  if (actor === null) return element("span", { class: "muted" }, "Unknown");
  if (actor.type === "operator") return "Operator";
  return names.bindText(element("span"), (nameOf) => (actor.type === "api_key" ? `API key ${nameOf(actor.key_id)}` : nameOf(actor.user_id)));
}
