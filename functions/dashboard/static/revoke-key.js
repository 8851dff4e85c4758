// Revoke: ends a key for good.

import { ask } from "./api.js";
import { openConfirmation } from "./confirm.js";
import { say } from "./status.js";

/**
 * @param {import("../types/contract").ApiKey} key
 * @param {() => void} then
 */
export function openRevokeKey(key, then) {
  openConfirmation({
    title: `Revoke ${key.name}`,
    warning: "Whoever uses this key is refused from then on. A revoked key can’t be brought back.",
    what: "name",
    name: key.name,
    button: "Revoke key",
    async send() {
      await ask("DELETE", `/api-keys/${key.id}`);
    },
    then() {
      then();
      say(`Revoked: ${key.name}`);
    },
  });
}
