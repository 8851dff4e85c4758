import { request } from "./api.js";
import { element } from "./element.js";
import { field, form, ValidationError } from "./form.js";
import { showToast } from "./toast.js";

/** @typedef {import("../types/contract").Account} Account */

const MAX_DAYS = 3650;
const MIN_LIFETIME_DAYS = 1;
const MIN_IDLE_DAYS = 7;

/**
 * Creates the form for the name and the policy of the account.
 * @param {Account} account
 * @param {(account: Account) => void} onSaved
 */
export function accountForm(account, onSaved) {
  const nameInput = element("input", { type: "text", required: true, maxlength: 100, autocomplete: "off" });
  nameInput.value = account.name;
  const name = field("Name", nameInput);
  const lifetime = daysField("max_key_lifetime_days", "Longest lifetime of an API key, in days", MIN_LIFETIME_DAYS, account.policy.max_key_lifetime_days,
    "A key that is created or changed must expire within so many days. Other keys stay as they are. Leave it empty for no limit.");
  const idle = daysField("idle_key_days", "Days until an unused API key becomes idle", MIN_IDLE_DAYS, account.policy.idle_key_days,
    "Requests with an idle key are rejected until an admin enables it. Leave it empty to let unused keys work.");

  /** Returns the fields that differ from the account. Other fields keep what they have, even if somebody else has changed them since. */
  function changes() {
    const newName = name.input.value.trim();
    if (newName === "") throw new ValidationError("name", "Enter a name.");
    const newLifetime = lifetime.days();
    const newIdle = idle.days();
    const policy = {
      ...(newLifetime !== account.policy.max_key_lifetime_days && { max_key_lifetime_days: newLifetime }),
      ...(newIdle !== account.policy.idle_key_days && { idle_key_days: newIdle }),
    };
    return {
      ...(newName !== account.name && { name: newName }),
      ...(Object.keys(policy).length > 0 && { policy }),
    };
  }

  async function save() {
    const body = changes();
    if (Object.keys(body).length > 0) onSaved(await request("PATCH", "/account", body));
    showToast("Saved the account");
  }

  return element(
    "div",
    { class: "account-form" },
    form({ fields: { name, max_key_lifetime_days: lifetime, idle_key_days: idle }, submitLabel: "Save", onSubmit: save }).element,
    account.policy.max_key_lifetime_days !== null &&
      element("p", {}, element("a", { href: "#/api-keys?status=noncompliant" }, "Show the keys that don’t comply with the policy")),
  );
}

/**
 * @param {string} apiName
 * @param {string} label
 * @param {number} min
 * @param {number | null} initial
 * @param {string} hint
 */
function daysField(apiName, label, min, initial, hint) {
  const input = element("input", { type: "number", min, max: MAX_DAYS, step: 1, placeholder: "No limit", autocomplete: "off" });
  input.value = initial === null ? "" : String(initial);
  const days = field(label, input, hint);
  /** Returns the number of days, or null if the field is empty. */
  function value() {
    const number = input.valueAsNumber;
    if (input.value === "" && !input.validity.badInput) return null;
    if (!Number.isInteger(number) || number < min || number > MAX_DAYS) throw new ValidationError(apiName, `Enter a whole number from ${min} to ${MAX_DAYS}.`);
    return number;
  }
  return { ...days, days: value };
}
