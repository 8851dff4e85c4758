// The audit events screen.

import { loadKeyNames, loadMemberNames, optional } from "./account-names.js";
import { auditEventList } from "./audit-event-list.js";
import { element, uniqueId } from "./element.js";
import { heading } from "./heading.js";
import { Names } from "./names.js";

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

  /**
   * @param {string} id
   * @param {string} name
   */
  function addOption(id, name) {
    if (initialOption?.value === id) initialOption.textContent = `API key ${name}`;
    else select.append(element("option", { value: id }, `API key ${name}`));
  }

  function handleSelect() {
    keyId = select.value;
    history.replaceState(null, "", keyId === "" ? "#/audit-events" : `#/audit-events?key_id=${keyId}`);
    events.reload();
  }

  const events = auditEventList({ caption: "Audit events, newest first", keyId: () => keyId, names });
  main.append(heading("Audit events", "Logins, and changes to API keys, members, passwords and the account."), filters, events.element);
  events.reload();
  optional(loadKeyNames(names, addOption));
  optional(loadMemberNames(names));
}
