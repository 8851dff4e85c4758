import { request } from "./api.js";
import { element } from "./element.js";
import { choice, field, form, group, ValidationError } from "./form.js";
import { showToast } from "./toast.js";

/** @typedef {import("../types/contract").Account} Account */

/** The smallest and the largest value of each number in the policy. */
const LIFETIME_DAYS = { min: 1, max: 3650 };
const IDLE_DAYS = { min: 7, max: 3650 };
const REAUTHENTICATION_MINUTES = { min: 5, max: 720 };

/**
 * Creates the form for the name and the policy of the account.
 * @param {Account} account
 * @param {import("../types/contract").Me} me
 * @param {(account: Account) => void} onSaved
 */
export function accountForm(account, me, onSaved) {
  const nameInput = element("input", { type: "text", required: true, maxlength: 100, autocomplete: "off" });
  nameInput.value = account.name;
  const name = field("Name", nameInput);
  const lifetime = numberField("max_key_lifetime_days", "Longest lifetime of an API key, in days", LIFETIME_DAYS, account.policy.max_key_lifetime_days,
    "A key that is created or changed must expire within so many days. Other keys stay as they are. Leave it empty for no limit.");
  const idle = numberField("idle_key_days", "Days until an unused API key becomes idle", IDLE_DAYS, account.policy.idle_key_days,
    "Requests with an idle key are rejected until an admin enables it. Leave it empty to let unused keys work.");
  const reauthentication = numberField("reauthentication_minutes", "Minutes until changes of API keys need a new authentication", REAUTHENTICATION_MINUTES, account.policy.reauthentication_minutes,
    "A member who authenticated longer ago must do so again to create, change or rotate an API key. Leave it empty for no limit. Changes of members, of the account, and of keys with admin always need an authentication in the last 15 minutes.");
  const secondFactor = secondFactorField(account.policy.require_second_factor, me);

  /** Returns the fields that differ from the account. Other fields keep what they have, even if somebody else has changed them since. */
  function changes() {
    const newName = name.input.value.trim();
    if (newName === "") throw new ValidationError("name", "Enter a name.");
    const newPolicy = {
      max_key_lifetime_days: lifetime.number(),
      idle_key_days: idle.number(),
      reauthentication_minutes: reauthentication.number(),
      require_second_factor: secondFactor.isRequired(),
    };
    const { policy } = account;
    const changedPolicy = {
      ...(newPolicy.max_key_lifetime_days !== policy.max_key_lifetime_days && { max_key_lifetime_days: newPolicy.max_key_lifetime_days }),
      ...(newPolicy.idle_key_days !== policy.idle_key_days && { idle_key_days: newPolicy.idle_key_days }),
      ...(newPolicy.reauthentication_minutes !== policy.reauthentication_minutes && { reauthentication_minutes: newPolicy.reauthentication_minutes }),
      ...(newPolicy.require_second_factor !== policy.require_second_factor && { require_second_factor: newPolicy.require_second_factor }),
    };
    return {
      ...(newName !== account.name && { name: newName }),
      ...(Object.keys(changedPolicy).length > 0 && { policy: changedPolicy }),
    };
  }

  async function save() {
    const body = changes();
    if (Object.keys(body).length > 0) onSaved(await request("PATCH", "/account", body));
    showToast("Saved the account");
  }

  const fields = {
    name,
    max_key_lifetime_days: lifetime,
    idle_key_days: idle,
    reauthentication_minutes: reauthentication,
    require_second_factor: secondFactor,
  };
  return element(
    "div",
    { class: "account-form" },
    form({ fields, submitLabel: "Save", onSubmit: save }).element,
    account.policy.max_key_lifetime_days !== null &&
      element("p", {}, element("a", { href: "#/api-keys?status=noncompliant" }, "Show the keys that don’t comply with the policy")),
  );
}

/**
 * @param {string} apiName
 * @param {string} label
 * @param {{ min: number, max: number }} range
 * @param {number | null} initial
 * @param {string} hint
 */
function numberField(apiName, label, { min, max }, initial, hint) {
  const input = element("input", { type: "number", min, max, step: 1, placeholder: "No limit", autocomplete: "off" });
  input.value = initial === null ? "" : String(initial);
  /** Returns the number, or null if the field is empty. */
  function number() {
    const value = input.valueAsNumber;
    if (input.value === "" && !input.validity.badInput) return null;
    if (!Number.isInteger(value) || value < min || value > max) throw new ValidationError(apiName, `Enter a whole number from ${min} to ${max}.`);
    return value;
  }
  return { ...field(label, input, hint), number };
}

/**
 * @param {boolean} initial
 * @param {import("../types/contract").Me} me
 */
function secondFactorField(initial, me) {
  const input = element("input", { type: "checkbox" });
  input.checked = initial;
  // Without a second factor of their own, admins would lose access to everything but their passkeys.
  input.disabled = !initial && !me.factors.includes("passkey") && !me.factors.includes("recovery_code");
  const hint = input.disabled ? " To require it, log in with a passkey yourself first." : "";
  const required = group("Second factor", [choice(input, "Require a second factor", `Members without one can only add a passkey.${hint}`)]);
  return { ...required, isRequired: () => input.checked };
}
