// The usage screen: the requests of all API keys of the account.

import { ApiError, listItems, request } from "./api.js";
import { section } from "./details.js";
import { element } from "./element.js";
import { heading, restoreFocus } from "./heading.js";
import { inParallel } from "./in-parallel.js";
import { keyName } from "./key-name.js";
import { errorMessage, list } from "./list.js";
import { precisionHint, usageChart } from "./usage-chart.js";
import { formatNumber, lastDays, startOfPeriod, total } from "./usage-days.js";
import { usagePeriod } from "./usage-period.js";

/** @typedef {import("../types/contract").ApiKey} ApiKey */
/** @typedef {import("../types/contract").UsageDay} UsageDay */
/** @typedef {{ key: ApiKey, days: UsageDay[], requests: number, rate_limited: number }} KeyUsage */

const MAX_REQUESTS = 4;

/** @param {HTMLElement} main */
export function showAccountUsage(main) {
  const period = usagePeriod(load);
  const progress = element("p", { class: "muted", role: "status" });
  const chart = element("div", { class: "chart-area" });
  const problem = element("div");
  /** @type {KeyUsage[]} */
  let usages = [];
  let loadCount = 0;

  const keys = list({
    caption: "API keys by requests",
    columns: [
      { label: "Key", kind: "primary", cell: ({ key }) => keyName(key) },
      { label: "Type", cell: ({ key }) => element("span", { class: `badge ${key.type}` }, key.type) },
      { label: "Authorized", cell: ({ requests }) => formatNumber(requests) },
      { label: "Rate-limited", cell: ({ rate_limited }) => formatNumber(rate_limited) },
    ],
    read: readUsages,
    emptyState: () => element("p", { class: "empty" }, "No key was used in this period."),
  });

  async function* readUsages() {
    yield* usages.toSorted((one, other) => other.requests + other.rate_limited - (one.requests + one.rate_limited));
  }

  async function load() {
    const currentLoad = ++loadCount;
    const days = period.days();
    usages = [];
    chart.setAttribute("aria-busy", "true");
    chart.replaceChildren();
    problem.replaceChildren();
    keys.element.hidden = true;
    progress.textContent = "Loading the keys…";
    try {
      const used = await usedKeys(days);
      await loadUsages(used, days, currentLoad);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (currentLoad !== loadCount) return;
      progress.textContent = "";
      problem.replaceChildren(errorMessage(error, load));
    }
  }

  /**
   * Adds the usage of these keys. Those that fail are left out, and the user can try them again.
   * @param {ApiKey[]} used
   * @param {number} days
   * @param {number} currentLoad
   */
  async function loadUsages(used, days, currentLoad) {
    /** @type {ApiKey[]} */
    const failed = [];
    let loadedCount = 0;
    const allCount = usages.length + used.length;
    problem.replaceChildren();
    await inParallel(used, MAX_REQUESTS, async (key) => {
      // The user has selected another period or opened another screen since.
      if (currentLoad !== loadCount || !chart.isConnected) return;
      try {
        /** @type {{ data: UsageDay[] }} */
        const { data } = await request("GET", `/api-keys/${key.id}/usage?days=${days}`);
        if (currentLoad === loadCount) usages.push({ key, days: data, ...total(data) });
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        failed.push(key);
      }
      loadedCount += 1;
      if (currentLoad === loadCount) progress.textContent = `Loaded ${loadedCount} of ${used.length} keys`;
    });
    if (currentLoad !== loadCount || !chart.isConnected) return;
    progress.textContent = usages.length === 1 ? "1 key was used in this period." : `${usages.length} keys were used in this period.`;
    if (failed.length > 0) {
      progress.textContent = `The chart shows ${usages.length} of ${allCount} keys.`;
      const message = new ApiError(0, `The usage of ${failed.length === 1 ? "1 key" : `${failed.length} keys`} can’t be loaded. The numbers leave it out.`);
      problem.replaceChildren(errorMessage(message, () => loadUsages(failed, days, currentLoad)));
    }
    chart.replaceChildren(usageChart(lastDays(usages.flatMap((usage) => usage.days), days)));
    chart.setAttribute("aria-busy", "false");
    keys.element.hidden = false;
    keys.reload();
    restoreFocus();
  }

  main.append(
    heading("Usage", "The requests of all API keys of the account."),
    period.element,
    problem,
    element(
      "div",
      { class: "sections" },
      section("Requests by day", progress, chart, precisionHint()),
      section("Keys", keys.element),
    ),
  );
  load();
}

/**
 * Returns the keys that were used in the last `days` days, revoked ones included.
 * @param {number} days
 */
async function usedKeys(days) {
  const start = startOfPeriod(days);
  const used = [];
  /** @type {AsyncGenerator<ApiKey>} */
  const all = listItems("/api-keys", { status: "all" });
  for await (const key of all) if (key.last_used_at !== null && Date.parse(key.last_used_at) >= start) used.push(key);
  return used;
}
