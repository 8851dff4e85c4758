// The filters of the audit events screen. The URL contains them, so that they survive a reload and can be shared.

import { element } from "./element.js";
import { withHiddenLabel } from "./form.js";
import { toRfc3339 } from "./time.js";

const PATH = "#/audit-events";

/**
 * The types of events and their labels, by what they concern.
 * @type {[string, [string, string][]][]}
 */
const TYPES = [
  [
    "API keys",
    [
      ["api_key.created", "API key created"],
      ["api_key.changed", "API key changed"],
      ["api_key.rotated", "API key rotated"],
      ["api_key.revoked", "API key revoked"],
    ],
  ],
  [
    "Logins and sessions",
    [
      ["login.succeeded", "Login succeeded"],
      ["login.refused", "Login failed"],
      ["session.ended", "Session ended"],
      ["member.sessions_ended", "Several sessions ended"],
    ],
  ],
  [
    "Passwords",
    [
      ["password.changed", "Password changed"],
      ["password.refused", "Wrong password"],
      ["password.enabled", "Password enabled"],
      ["password.reset", "Password reset"],
      ["password.reset_issued", "Password reset token created"],
    ],
  ],
  [
    "Passkeys and recovery codes",
    [
      ["passkey.added", "Passkey added"],
      ["passkey.removed", "Passkey removed"],
      ["recovery_codes.created", "Recovery codes created"],
      ["recovery_code.used", "Recovery code used"],
      ["second_factor.refused", "Wrong second factor"],
    ],
  ],
  [
    "Team members",
    [
      ["member.invited", "Member invited"],
      ["member.accepted", "Invitation accepted"],
      ["member.created", "Member added"],
      ["member.changed", "Member changed"],
      ["member.removed", "Member removed"],
      ["member.forgotten", "Former member forgotten"],
    ],
  ],
  [
    "Projects",
    [
      ["project.created", "Project created"],
      ["project.changed", "Project changed"],
      ["project.deleted", "Project deleted"],
    ],
  ],
  [
    "Account",
    [
      ["account.created", "Account created"],
      ["account.changed", "Account changed"],
      ["account.limits_changed", "Limits changed"],
      ["account.suspended", "Account suspended"],
      ["account.restored", "Account restored"],
      ["account.credentials_ended", "All credentials ended"],
    ],
  ],
];

/**
 * @param {URLSearchParams} parameters
 * @param {() => void} onChange
 */
export function auditEventFilters(parameters, onChange) {
  const key = select("key_id", element("option", { value: "" }, "Any API key"));
  const actor = select("actor", element("option", { value: "" }, "Any actor"), element("option", { value: "operator" }, "Operator"));
  const type = select(
    "type",
    element("option", { value: "" }, "Any type"),
    ...TYPES.map(([label, types]) => element("optgroup", { label }, ...types.map(([value, name]) => element("option", { value }, name)))),
  );
  const since = day("since");
  const until = day("until");
  const clearButton = element("button", { type: "button", click: clear }, "Clear filters");
  const controls = [key, type, actor, since, until];
  const filters = element(
    "form",
    { class: "filters", role: "search", "aria-label": "Filter audit events", submit: (/** @type {Event} */ event) => event.preventDefault() },
    ...withHiddenLabel("Filter by API key", key),
    ...withHiddenLabel("Filter by type", type),
    ...withHiddenLabel("Filter by actor", actor),
    element("label", { class: "date-filter" }, "From", since),
    element("label", { class: "date-filter" }, "To", until),
    clearButton,
  );
  update();

  /**
   * @param {string} parameter
   * @param {...HTMLElement} options
   */
  function select(parameter, ...options) {
    const control = element("select", { change: handleChange }, ...options);
    const value = parameters.get(parameter) ?? "";
    // The name of a key or member is loaded later.
    if (!control.querySelector(`option[value="${CSS.escape(value)}"]`)) control.append(element("option", { value }, value));
    control.value = value;
    return control;
  }

  /** @param {string} parameter */
  function day(parameter) {
    const input = element("input", { type: "date", change: handleChange });
    input.value = parameters.get(parameter) ?? "";
    return input;
  }

  /**
   * Adds an option, or names the one that was selected before its name was known.
   * @param {HTMLSelectElement} control
   * @param {string} value
   * @param {string} label
   */
  function setOption(control, value, label) {
    const known = control.querySelector(`option[value="${CSS.escape(value)}"]`);
    if (known) known.textContent = label;
    else control.append(element("option", { value }, label));
  }

  /**
   * @param {string} id
   * @param {string} name
   */
  function addKey(id, name) {
    setOption(key, id, `API key ${name}`);
    setOption(actor, id, `API key ${name}`);
  }

  /**
   * @param {string} id
   * @param {string} email
   */
  function addMember(id, email) {
    setOption(actor, id, email);
  }

  /** Returns the parameters of the API's request. Days are days of the user's time zone. */
  function query() {
    const end = startOfDay(until.value);
    // The last day is included.
    end?.setDate(end.getDate() + 1);
    return nonEmpty([
      ["key_id", key.value],
      ["type", type.value],
      ["actor", actor.value],
      ["since", toText(startOfDay(since.value))],
      ["until", toText(end)],
    ]);
  }

  function clear() {
    for (const control of controls) control.value = "";
    handleChange();
    key.focus();
  }

  function handleChange() {
    update();
    const { value: lastDay } = until;
    // A period that ends before it starts has no events.
    if (lastDay !== "" && since.value > lastDay) until.value = since.value;
    const query = nonEmpty([["key_id", key.value], ["type", type.value], ["actor", actor.value], ["since", since.value], ["until", until.value]]);
    history.replaceState(null, "", query.size === 0 ? PATH : `${PATH}?${query}`);
    onChange();
  }

  function update() {
    clearButton.hidden = controls.every((control) => control.value === "");
  }
  return { element: filters, query, addKey, addMember };
}

/** @param {string[][]} entries */
function nonEmpty(entries) {
  return new URLSearchParams(entries.filter(([, value]) => value !== ""));
}

/**
 * Returns the start of a day such as `2026-01-30`, or null if there is none.
 * @param {string} day
 */
function startOfDay(day) {
  const start = new Date(`${day}T00:00:00`);
  return Number.isNaN(start.getTime()) ? null : start;
}

/** @param {Date | null} time */
function toText(time) {
  return time === null ? "" : toRfc3339(time);
}
