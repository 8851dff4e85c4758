// Audit Events: what was done in the account, and by whom.

import { Problem, things } from "./api.js";
import { element, newId } from "./element.js";
import { heading } from "./heading.js";
import { list } from "./list.js";
import { Names } from "./names.js";
import { exact, when } from "./time.js";

/** @typedef {import("../types/contract").AuditEvent} AuditEvent */

/**
 * @param {HTMLElement} main
 * @param {import("../types/contract").Me} _me
 * @param {URLSearchParams} parameters
 */
export function openAuditEvents(main, _me, parameters) {
  let wanted = parameters.get("key_id") ?? "";
  const key = element("select", { id: newId("filter"), change: chosen }, element("option", { value: "" }, "All that was done"));
  const filters = element("div", { class: "filters" }, element("label", { class: "unseen", for: key.id }, "Events about"), key);
  // It is chosen already, whatever it is called.
  const chosenBefore = wanted === "" ? null : element("option", { value: wanted, selected: true }, `Key ${wanted}`);
  if (chosenBefore) key.append(chosenBefore);
  const names = new Names();

  /** @returns {AsyncGenerator<AuditEvent>} */
  function read() {
    return things("/audit-events", wanted === "" ? {} : { key_id: wanted });
  }

  async function loadKeys() {
    /** @type {AsyncGenerator<import("../types/contract").ApiKey>} */
    const keys = things("/api-keys", { status: "all" });
    for await (const { id, name } of keys) {
      names.learn(id, name);
      if (chosenBefore?.value === id) chosenBefore.textContent = `Key ${name}`;
      else key.append(element("option", { value: id }, `Key ${name}`));
    }
  }

  async function loadMembers() {
    /** @type {AsyncGenerator<import("../types/contract").Member>} */
    const members = things("/members");
    for await (const { id, email } of members) names.learn(id, email);
  }

  async function loadNames() {
    try {
      await Promise.all([loadKeys(), loadMembers()]);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      // Ids stand where names would.
    }
  }

  function chosen() {
    wanted = key.value;
    history.replaceState(null, "", wanted === "" ? "#/audit-events" : `#/audit-events?key_id=${wanted}`);
    events.reload();
  }

  const events = list({
    caption: "Audit events, the newest first",
    columns: [
      { label: "When", cell: (event) => when(event.created_at) },
      { label: "What", kind: "main", cell: (event) => element("span", { class: "two-lines" }, names.write(element("strong"), (nameOf) => what(event, nameOf)), element("code", {}, event.type)) },
      { label: "Who", cell: (event) => who(event, names) },
      { label: "From", cell: (event) => event.source_ip ?? element("span", { class: "quiet" }, "–") },
      { label: "Request", kind: "wrap", cell: (event) => element("code", {}, event.request_id) },
    ],
    read,
    empty: () => element("p", { class: "empty" }, "Nothing was done yet."),
  });
  main.append(heading("Audit Events", "What was done to keys, members and passwords, and who logged in."), filters, events.element);
  events.reload();
  loadNames();
}

/**
 * @param {AuditEvent} event
 * @param {import("./names.js").NameOf} nameOf
 */
function what(event, nameOf) {
  const key = event.name ?? nameOf(event.key_id);
  const member = event.email ?? nameOf(event.user_id);
  const permissions = event.permissions?.join(", ");
  /** @type {Record<string, () => string>} */
  const sentences = {
    "account.created": () => `Account ${event.name} created, with ${member}`,
    "account.suspended": () => "Account suspended",
    "account.restored": () => "Account restored",
    "account.limits_changed": () =>
      event.requests_per_minute
        ? `Limits set to ${event.requests_per_minute.live} live and ${event.requests_per_minute.test} test requests a minute`
        : "Limits set to the usual ones",
    "member.created": () => `${member} added, who may ${permissions}`,
    "member.changed": () => `${member} changed: ${event.status}, may ${permissions}`,
    "member.removed": () => `${member} removed`,
    "password.changed": () => `Password of ${member} changed`,
    "password.refused": () => `Wrong current password of ${member}`,
    "password.enabled": () => `Password of ${member} enabled`,
    "login.succeeded": () => `${member} logged in`,
    "login.refused": () => `Login of ${member} refused: ${event.reason?.replaceAll("_", " ")}`,
    "api_key.created": () => `Key ${key} created: ${event.key_type}, may ${permissions}`,
    "api_key.rotated": () => `Key ${key} rotated; the old secret works until ${exact(event.previous_expires_at ?? event.created_at)}`,
    "api_key.revoked": () => `Key ${key} revoked`,
  };
  return (sentences[event.type] ?? (() => event.type))();
}

/**
 * @param {AuditEvent} event
 * @param {Names} names
 */
function who({ actor }, names) {
  if (actor === null) return element("span", { class: "quiet" }, "Somebody unknown");
  if (actor.type === "operator") return "The operator";
  return names.write(element("span"), (nameOf) => (actor.type === "api_key" ? `Key ${nameOf(actor.key_id)}` : nameOf(actor.user_id)));
}
