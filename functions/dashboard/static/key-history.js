// The audit events of an API key: changes to it, and what it did.

import { loadKeyNames, loadMemberNames, optional } from "./account-names.js";
import { auditEventList } from "./audit-event-list.js";
import { Names } from "./names.js";

/** @param {string} id */
export function keyHistory(id) {
  const names = new Names();
  const events = auditEventList({ caption: "Audit events of this key, newest first", query: () => new URLSearchParams({ key_id: id }), names });
  let areNamesRequested = false;

  /** @param {import("../types/contract").ApiKey} key */
  function reload(key) {
    names.set(key.id, key.name);
    if (!areNamesRequested) {
      optional(loadMemberNames(names));
      optional(loadKeyNames(names));
    }
    areNamesRequested = true;
    events.reload();
  }
  return { element: events.element, reload };
}
