// The usage of one API key.

import { ApiError, request } from "./api.js";
import { element } from "./element.js";
import { errorMessage } from "./list.js";
import { precisionHint, usageChart } from "./usage-chart.js";
import { lastDays } from "./usage-days.js";
import { usagePeriod } from "./usage-period.js";

/** @param {import("../types/contract").ApiKey} key */
export function keyUsage(key) {
  const period = usagePeriod(load);
  const chart = element("div", { class: "chart-area" });
  let loadCount = 0;

  async function load() {
    const currentLoad = ++loadCount;
    const days = period.days();
    chart.setAttribute("aria-busy", "true");
    /** @type {HTMLElement} */
    let content;
    try {
      /** @type {{ data: import("../types/contract").UsageDay[] }} */
      const { data } = await request("GET", `/api-keys/${key.id}/usage?days=${days}`);
      content = usageChart(lastDays(data, days));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      content = errorMessage(error, load);
    }
    // The user has selected another period since.
    if (currentLoad !== loadCount) return;
    chart.replaceChildren(content);
    chart.setAttribute("aria-busy", "false");
  }

  load();
  return element("div", {}, period.element, chart, precisionHint());
}
