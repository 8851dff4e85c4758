// A bar chart of the requests on each day, and a table with the same numbers.

import { element, svgElement } from "./element.js";
import { formatDate, formatNumber, formatRequests, total } from "./usage-days.js";

/** @typedef {import("../types/contract").UsageDay} UsageDay */

/** The size of the chart in its own units. It is stretched to the available width. */
const DAY_WIDTH = 10;
const BAR_WIDTH = 8;
const HEIGHT = 100;
/** Keeps small numbers visible. */
const MIN_BAR_HEIGHT = 1.5;

/** @param {UsageDay[]} days Oldest first, without gaps. */
export function usageChart(days) {
  const { requests, rate_limited } = total(days);
  const highest = Math.max(...days.map(heightOf));
  const summary = `${formatRequests(requests)} in ${days.length} days. ${formatNumber(rate_limited)} more exceeded the rate limit.`;
  return element(
    "figure",
    { class: "usage-chart" },
    element("figcaption", {}, summary),
    element("p", { class: "scale" }, highest === 0 ? "No requests" : `Highest: ${formatNumber(highest)} on ${formatDate(days[days.findIndex((day) => heightOf(day) === highest)].date)}`),
    svgElement(
      "svg",
      { viewBox: `0 0 ${days.length * DAY_WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": `Bar chart. ${summary}` },
      ...days.map((day, index) => bars(day, index, highest)),
    ),
    element("p", { class: "scale" }, element("span", {}, formatDate(days[0].date)), element("span", {}, formatDate(days[days.length - 1].date))),
    element(
      "p",
      { class: "legend" },
      element("span", { class: "legend-item requests" }, "Authorized"),
      element("span", { class: "legend-item rate-limited" }, "Rate-limited"),
    ),
    element("details", {}, element("summary", {}, "Show the numbers as a table"), table(days)),
  );
}

/** Creates the hint that explains why the numbers of a chart are not exact. */
export function precisionHint() {
  return element("p", { class: "hint" }, "Requests are counted in batches, so the latest ones appear later, and a few never.");
}

/** @param {UsageDay} day */
function heightOf({ requests, rate_limited }) {
  return requests + rate_limited;
}

/**
 * @param {UsageDay} day
 * @param {number} index
 * @param {number} highest
 */
function bars(day, index, highest) {
  const x = index * DAY_WIDTH + (DAY_WIDTH - BAR_WIDTH) / 2;
  const scaled = (/** @type {number} */ number) => (number === 0 ? 0 : Math.max((number / highest) * HEIGHT, MIN_BAR_HEIGHT));
  const all = scaled(heightOf(day));
  const limited = Math.min(scaled(day.rate_limited), all);
  const description = `${formatDate(day.date)}: ${formatRequests(day.requests)}, ${formatNumber(day.rate_limited)} rate-limited`;
  return svgElement(
    "g",
    {},
    svgElement("title", {}, description),
    // An invisible area for the pointer, so that days with few requests show their numbers, too.
    svgElement("rect", { class: "area", x: index * DAY_WIDTH, y: 0, width: DAY_WIDTH, height: HEIGHT }),
    svgElement("rect", { class: "requests", x, y: HEIGHT - all + limited, width: BAR_WIDTH, height: all - limited }),
    svgElement("rect", { class: "rate-limited", x, y: HEIGHT - all, width: BAR_WIDTH, height: limited }),
  );
}

/** @param {UsageDay[]} days */
function table(days) {
  const columns = ["Day (UTC)", "Authorized", "Rate-limited"];
  return element(
    "table",
    { class: "numbers" },
    element("caption", { class: "visually-hidden" }, "Requests on each day, newest first"),
    element("thead", {}, element("tr", {}, ...columns.map((label) => element("th", { scope: "col" }, label)))),
    element(
      "tbody",
      {},
      ...days.toReversed().map(({ date, requests, rate_limited }) =>
        element(
          "tr",
          {},
          element("th", { scope: "row" }, formatDate(date)),
          element("td", {}, formatNumber(requests)),
          element("td", {}, formatNumber(rate_limited)),
        ),
      ),
    ),
  );
}
