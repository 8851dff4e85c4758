// The account screen.

import { ApiError, request } from "./api.js";
import { accountForm } from "./account-form.js";
import { properties, section } from "./details.js";
import { element } from "./element.js";
import { heading, restoreFocus } from "./heading.js";
import { errorMessage } from "./list.js";
import { exactTime } from "./time.js";
import { formatNumber } from "./usage-days.js";

/** @typedef {import("../types/contract").Account} Account */

/**
 * @param {HTMLElement} main
 * @param {import("../types/contract").Me} me
 */
export function showAccount(main, me) {
  const content = element("div", { class: "sections", "aria-busy": "true" });

  async function load() {
    try {
      show(await request("GET", "/account"));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      content.replaceChildren(errorMessage(error, load));
      restoreFocus();
    }
    content.setAttribute("aria-busy", "false");
  }

  /** @param {Account} account */
  function show(account) {
    content.replaceChildren(
      section("Details", properties(details(account))),
      me.permissions.includes("admin") ? section("Name and policy", accountForm(account, me, show)) : section("Policy", properties(policy(account))),
    );
    restoreFocus();
  }

  main.append(heading("Account", "The account’s name, its limits, and its rules for members and API keys."), content);
  load();
}

/**
 * @param {Account} account
 * @returns {[string, import("./element.js").Child][]}
 */
function details({ id, name, status, created_at, limits }) {
  return [
    ["Name", name],
    ["Status", element("span", { class: `status ${status}` }, status)],
    ["Created", exactTime(created_at, "")],
    ["ID", element("code", {}, id)],
    ["Requests per minute for each API key", perType(limits.requests_per_minute)],
    ...optional("API keys", limits.keys && perType(limits.keys)),
    ...optional("Sessions for each member", limits.sessions_per_member && formatNumber(limits.sessions_per_member)),
  ];
}

/**
 * @param {Account} account
 * @returns {[string, string][]}
 */
function policy({ policy: { max_key_lifetime_days, idle_key_days, reauthentication_minutes, require_second_factor } }) {
  return [
    ["Second factor", require_second_factor ? "Required" : "Not required"],
    ["Changes of API keys need a new authentication", reauthentication_minutes === null ? "Never" : `After ${reauthentication_minutes} minutes`],
    ["Longest lifetime of an API key", max_key_lifetime_days === null ? "No limit" : formatDays(max_key_lifetime_days)],
    ["Unused API keys become idle", idle_key_days === null ? "Never" : `After ${formatDays(idle_key_days)}`],
  ];
}

/** @param {{ live: number, test: number }} limit */
function perType({ live, test }) {
  return `${formatNumber(live)} live, ${formatNumber(test)} test`;
}

/** @param {number} days */
function formatDays(days) {
  return days === 1 ? "1 day" : `${formatNumber(days)} days`;
}

/**
 * @param {string} label
 * @param {string | number | undefined} value
 * @returns {[string, string][]}
 */
function optional(label, value) {
  return value === undefined ? [] : [[label, String(value)]];
}
