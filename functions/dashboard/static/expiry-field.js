import { element, uniqueId } from "./element.js";
import { field, ValidationError } from "./form.js";
import { formatDateTime, secondsAfter } from "./time.js";

const DAY_IN_SECONDS = 86_400;
/** Values are lifetimes in days, except for "" (never) and "date" (chosen by the user). */
const OPTIONS = [
  ["", "Never"],
  ["30", "In 30 days"],
  ["90", "In 90 days"],
  ["365", "In 1 year"],
  ["date", "On a date…"],
];

/**
 * Creates a field for the expiry of an API key.
 * @param {string | null} [current] The expiry of an existing key, which is selected at first.
 */
export function expiryField(current) {
  const unchanged = current ? `${formatDateTime(current)} (unchanged)` : "Never (unchanged)";
  /** @type {string[][]} */
  const options = current === undefined ? OPTIONS : [["unchanged", unchanged], ...OPTIONS];
  const select = element("select", { change: handleSelect }, ...options.map(([value, label]) => element("option", { value }, label)));
  const tomorrow = secondsAfter(DAY_IN_SECONDS).toLocaleDateString("sv");
  const date = element("input", { type: "date", id: uniqueId("date"), min: tomorrow, "aria-label": "Expiry date", hidden: true, change: updateHint });
  const hint = element("span");
  // Lifetimes start when the dialog opens, so that a retry sends the same request.
  const openedAt = Date.now();
  const expires = field("Expires", select, hint);
  select.after(date);
  updateHint();

  function handleSelect() {
    date.hidden = select.value !== "date";
    updateHint();
  }

  function updateHint() {
    const expiresAt = select.value === "date" && date.value === "" ? null : time();
    if (expiresAt === undefined) {
      hint.textContent = "";
      return;
    }
    hint.textContent = expiresAt ? `The key expires on ${formatDateTime(expiresAt)}.` : "An expiry date limits the damage if a key is leaked or forgotten.";
  }

  /**
   * Returns the selected time, null for never, or undefined if the expiry does not change.
   * @returns {Date | null | undefined}
   */
  function time() {
    if (select.value === "unchanged") return undefined;
    if (select.value === "") return null;
    if (select.value !== "date") return secondsAfter(Number(select.value) * DAY_IN_SECONDS, openedAt);
    // The end of the day in the user's time zone.
    const endOfDay = new Date(`${date.value}T23:59:59`);
    if (Number.isNaN(endOfDay.getTime())) throw new ValidationError("expires_at", "Select a date.");
    return endOfDay;
  }
  return { ...expires, time };
}
