import { element } from "./element.js";
import { field } from "./form.js";
import { formatDateTime, secondsAfter } from "./time.js";

/** Values are in seconds. */
const GRACE_PERIODS = [
  ["0", "None"],
  ["3600", "1 hour"],
  ["86400", "1 day"],
  ["604800", "1 week"],
];
const DEFAULT_GRACE_PERIOD = "86400";

/**
 * Creates a field for how long the secret that a rotation replaces still works.
 * @param {import("../types/contract").ApiKey} key
 * @param {object} options
 * @param {string} options.label
 * @param {boolean} options.mayBeNone
 * @param {(end: string | null) => string} options.describe Returns the hint for the time when the secret ends, or for null: immediately.
 */
export function gracePeriodField(key, { label, mayBeNone, describe }) {
  const periods = GRACE_PERIODS.filter(([value]) => mayBeNone || value !== "0");
  const select = element("select", { change: updateHint }, ...periods.map(([value, text]) => element("option", { value }, text)));
  select.value = DEFAULT_GRACE_PERIOD;
  const hint = element("span");
  const gracePeriod = field(label, select, hint);
  updateHint();

  function updateHint() {
    const periodEnd = secondsAfter(Number(select.value));
    const keyExpiry = key.expires_at === null ? periodEnd : new Date(key.expires_at);
    const secretEnd = keyExpiry < periodEnd ? keyExpiry : periodEnd;
    hint.textContent = describe(select.value === "0" ? null : formatDateTime(secretEnd));
  }
  return { ...gracePeriod, seconds: () => Number(select.value) };
}
