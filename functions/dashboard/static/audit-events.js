// The audit events screen.

import { ApiError, listItems } from "./api.js";
import { element, uniqueId } from "./element.js";
import { heading } from "./heading.js";
import { list } from "./list.js";
import { Names } from "./names.js";
import { formatDateTime, timeElement } from "./time.js";

/** @typedef {import("../types/contract").AuditEvent} AuditEvent */

/**
 * @param {HTMLElement} main
 * @param {import("../types/contract").Me} _me
 * @param {URLSearchParams} parameters
 */
export function showAuditEvents(main, _me, parameters) {
  let keyId = parameters.get("key_id") ?? "";
  const select = element("select", { id: uniqueId("filter"), change: handleSelect }, element("option", { value: "" }, "All events"));
  const filters = element("div", { class: "filters" }, element("label", { class: "visually-hidden", for: select.id }, "Filter by API key"), select);
  // The key from the URL is selected before its name is known.
  const initialOption = keyId === "" ? null : element("option", { value: keyId, selected: true }, `API key ${keyId}`);
  if (initialOption) select.append(initialOption);
  const names = new Names();

  /** @returns {AsyncGenerator<AuditEvent>} */
  function readEvents() {
    return listItems("/audit-events", keyId === "" ? {} : { key_id: keyId });
  }

  async function loadKeyNames() {
    /** @type {AsyncGenerator<import("../types/contract").ApiKey>} */
    const keys = listItems("/api-keys", { status: "all" });
    for await (const { id, name } of keys) {
      names.set(id, name);
      if (initialOption?.value === id) initialOption.textContent = `API key ${name}`;
      else select.append(element("option", { value: id }, `API key ${name}`));
    }
  }

  async function loadMemberNames() {
    /** @type {AsyncGenerator<import("../types/contract").Member>} */
    const members = listItems("/members");
    for await (const { id, email } of members) names.set(id, email);
  }

  async function loadNames() {
    try {
      await Promise.all([loadKeyNames(), loadMemberNames()]);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // The list shows IDs in place of the missing names.
    }
  }

  function handleSelect() {
    keyId = select.value;
    history.replaceState(null, "", keyId === "" ? "#/audit-events" : `#/audit-events?key_id=${keyId}`);
    events.reload();
  }

  /** @param {AuditEvent} event */
  function descriptionAndType(event) {
    const description = names.bindText(element("strong"), (nameOf) => describeEvent(event, nameOf));
    return element("span", { class: "two-lines" }, description, element("code", {}, event.type));
  }

  const events = list({
    caption: "Audit events, newest first",
    columns: [
      { label: "Time", cell: (event) => timeElement(event.created_at) },
      { label: "Event", kind: "primary", cell: descriptionAndType },
      { label: "Actor", cell: (event) => actorName(event, names) },
      { label: "IP address", cell: (event) => event.source_ip ?? element("span", { class: "muted" }, "–") },
      { label: "Request ID", kind: "wrap", cell: (event) => element("code", {}, event.request_id) },
    ],
    read: readEvents,
    emptyState: () => element("p", { class: "empty" }, "No audit events."),
  });
  main.append(heading("Audit events", "Logins, and changes to API keys, members, passwords and the account."), filters, events.element);
  events.reload();
  loadNames();
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
    "account.limits_changed": () =>
      event.requests_per_minute
        ? `Rate limits changed to ${event.requests_per_minute.live} live and ${event.requests_per_minute.test} test requests per minute`
        : "Rate limits reset to the defaults",
    "member.created": () => `Member ${member} added. Permissions: ${permissions}.`,
    "member.changed": () => `Member ${member} changed. Status: ${event.status}. Permissions: ${permissions}.`,
    "member.removed": () => `Member ${member} removed`,
    "password.changed": () => `Password changed for ${member}`,
    "password.refused": () => `Password change rejected for ${member}: wrong current password`,
    "password.enabled": () => `Password enabled for ${member}`,
    "login.succeeded": () => `${member} logged in`,
    "session.ended": () => `A session of ${member} ended`,
    "login.refused": () => `Login failed for ${member}: ${event.reason?.replaceAll("_", " ")}`,
    "api_key.created": () => `API key ${key} created. Type: ${event.key_type}. Permissions: ${permissions}.`,
    "api_key.changed": () => `API key ${key} changed. Permissions: ${permissions}. ${event.disabled ? "Disabled." : "Enabled."}`,
    "api_key.rotated": () => `API key ${key} rotated. The old secret works until ${formatDateTime(event.previous_expires_at ?? event.created_at)}.`,
    "api_key.revoked": () => `API key ${key} revoked`,
  };
  return (descriptions[event.type] ?? (() => event.type))();
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
