import { element } from "./element.js";
import { openEndOldSecretDialog } from "./end-old-secret.js";
import { canRotate } from "./key-actions.js";
import { exactTime } from "./time.js";

/**
 * Shows both secrets of a key while the one that a rotation replaced still works. Returns null if there is only one.
 * @param {import("../types/contract").ApiKey} key
 * @param {import("../types/contract").Me} me
 * @param {() => void} onChanged
 */
export function previousSecretNotice(key, me, onChanged) {
  if (key.previous_secret === null) return null;
  const { expires_at, last_used_at } = key.previous_secret;
  return element(
    "section",
    { class: "section warning" },
    element("h2", {}, "This key has two secrets"),
    element("p", {}, "The current secret is ", element("code", {}, key.hint), "."),
    element("p", {}, "The old secret works until ", exactTime(expires_at, ""), "."),
    last_used_at === null
      ? element("p", {}, "The old secret was not seen since the rotation.")
      : element("p", {}, "The old secret was last used ", exactTime(last_used_at, ""), ". It was not seen since."),
    element("p", {}, "Uses are recorded with a delay, and a few never. So “not seen” does not prove that no server uses the old secret."),
    canRotate(key, me) &&
      element(
        "div",
        {},
        element("button", { type: "button", click: () => openEndOldSecretDialog(key, onChanged) }, "End the old secret now"),
      ),
  );
}
