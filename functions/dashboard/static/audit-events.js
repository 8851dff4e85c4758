// The audit events screen.

import { loadKeyNames, loadMemberNames, optional } from "./account-names.js";
import { auditEventFilters } from "./audit-event-filters.js";
import { auditEventList } from "./audit-event-list.js";
import { heading } from "./heading.js";
import { Names } from "./names.js";

/**
 * @param {HTMLElement} main
 * @param {import("../types/contract").Me} _me
 * @param {URLSearchParams} parameters
 */
export function showAuditEvents(main, _me, parameters) {
  const names = new Names();
  const filters = auditEventFilters(parameters, () => events.reload());
  const events = auditEventList({ caption: "Audit events, newest first", query: filters.query, names });
  main.append(heading("Audit events", "Logins, and changes to API keys, members, passwords, projects and the account."), filters.element, events.element);
  events.reload();
  optional(loadKeyNames(names, filters.addKey));
  optional(loadMemberNames(names, filters.addMember));
}
