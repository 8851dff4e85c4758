import { request } from "./api.js";
import { openDialog } from "./dialog.js";
import { element } from "./element.js";
import { field, form } from "./form.js";
import { openSecretDialog } from "./secret-dialog.js";
import { formatDateTime, formatRelative, secondsAfter } from "./time.js";

/** Values are in seconds. */
const GRACE_PERIODS = [
  ["0", "None"],
  ["3600", "1 hour"],
  ["86400", "1 day"],
  ["604800", "1 week"],
];
const DEFAULT_GRACE_PERIOD = "86400";

/**
 * @param {import("../types/contract").ApiKey} key
 * @param {() => void} onRotated
 */
export function openRotateKeyDialog(key, onRotated) {
  const select = element("select", { change: updateHint }, ...GRACE_PERIODS.map(([value, label]) => element("option", { value }, label)));
  select.value = DEFAULT_GRACE_PERIOD;
  const hint = element("span");
  const gracePeriod = field("Grace period for the old secret", select, hint);
  updateHint();

  function updateHint() {
    if (select.value === "0") {
      hint.textContent = "The old secret stops working immediately.";
      return;
    }
    const gracePeriodEnd = secondsAfter(Number(select.value));
    const keyExpiry = key.expires_at === null ? gracePeriodEnd : new Date(key.expires_at);
    const oldSecretExpiry = keyExpiry < gracePeriodEnd ? keyExpiry : gracePeriodEnd;
    hint.textContent = `Both secrets work until ${formatDateTime(oldSecretExpiry)}. Secrets from earlier rotations stop working immediately.`;
  }

  openDialog(`Rotate ${key.name}`, (close) => [
    element("p", {}, "The key gets a new secret. Its name, permissions, scope and expiry don’t change. Replace the old secret everywhere you use it before the grace period ends."),
    form({ fields: { grace_period: gracePeriod }, submitLabel: "Rotate key", onCancel: close, onSubmit: () => rotate(close) }).element,
  ]);

  const idempotencyKey = crypto.randomUUID();

  /** @param {() => void} close */
  async function rotate(close) {
    /** @type {import("../types/contract").RotatedApiKey} */
    const rotated = await request("POST", `/api-keys/${key.id}/rotate`, { grace_period: Number(select.value) }, idempotencyKey);
    close();
    onRotated();
    const oldSecretExpiry = rotated.previous_expires_at;
    const hasExpired = new Date(oldSecretExpiry).getTime() <= Date.now();
    const notice = hasExpired ? "The old secret no longer works." : `The old secret works until ${formatDateTime(oldSecretExpiry)} (${formatRelative(oldSecretExpiry)}).`;
    openSecretDialog("New secret", rotated, element("p", { class: "notice" }, notice));
  }
}
