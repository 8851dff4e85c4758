import { request } from "./api.js";
import { openDialog } from "./dialog.js";
import { element } from "./element.js";
import { form } from "./form.js";
import { gracePeriodField } from "./grace-period-field.js";
import { openSecretDialog } from "./secret-dialog.js";
import { formatDateTime, formatRelative } from "./time.js";

/** @typedef {import("../types/contract").ApiKey} ApiKey */

/**
 * @param {ApiKey} key
 * @param {() => void} onRotated
 */
export function openRotateKeyDialog(key, onRotated) {
  const gracePeriod = gracePeriodField(key, {
    label: "Grace period for the old secret",
    mayBeNone: true,
    describe: (end) =>
      end === null
        ? "The old secret stops working immediately."
        : `Both secrets work until ${end}. Secrets from earlier rotations stop working immediately.`,
  });
  const rotate = rotation(key, onRotated);
  openDialog(`Rotate ${key.name}`, (close) => [
    element("p", {}, "The key gets a new secret. Its name, permissions, scope and expiry don’t change. Replace the old secret everywhere you use it before the grace period ends."),
    form({ fields: { grace_period: gracePeriod }, submitLabel: "Rotate key", onCancel: close, onSubmit: () => rotate(gracePeriod.seconds(), close) }).element,
  ]);
}

/**
 * Returns a function that rotates the key and shows the new secret. If it fails, it can be called again.
 * @param {ApiKey} key
 * @param {() => void} onRotated
 */
export function rotation(key, onRotated) {
  const idempotencyKey = crypto.randomUUID();
  /**
   * @param {number} gracePeriod In seconds.
   * @param {() => void} close
   */
  return async (gracePeriod, close) => {
    /** @type {import("../types/contract").RotatedApiKey} */
    const rotated = await request("POST", `/api-keys/${key.id}/rotate`, { grace_period: gracePeriod }, idempotencyKey);
    close();
    onRotated();
    const oldSecretExpiry = rotated.previous_expires_at;
    const hasExpired = new Date(oldSecretExpiry).getTime() <= Date.now();
    const notice = hasExpired ? "The old secret no longer works." : `The old secret works until ${formatDateTime(oldSecretExpiry)} (${formatRelative(oldSecretExpiry)}).`;
    openSecretDialog("New secret", rotated, element("p", { class: "notice" }, notice));
  };
}
