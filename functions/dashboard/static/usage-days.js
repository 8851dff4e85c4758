// Days of usage.

/** @typedef {import("../types/contract").UsageDay} UsageDay */

const DAY_IN_MS = 86_400_000;
const DATE_FORMAT = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeZone: "UTC" });
const NUMBER_FORMAT = new Intl.NumberFormat("en");

/**
 * Returns the last `count` days of UTC, oldest first, with the sums of `usage` for each day.
 * @param {UsageDay[]} usage In any order. It may contain a day several times.
 * @param {number} count
 */
export function lastDays(usage, count) {
  const today = Math.max(Date.now(), ...usage.map(({ date }) => Date.parse(date)));
  const days = Array.from({ length: count }, (_, index) => {
    const date = new Date(today - (count - 1 - index) * DAY_IN_MS).toISOString().slice(0, 10);
    return { date, requests: 0, rate_limited: 0 };
  });
  const dayByDate = new Map(days.map((day) => [day.date, day]));
  for (const { date, requests, rate_limited } of usage) {
    const day = dayByDate.get(date);
    if (!day) continue;
    day.requests += requests;
    day.rate_limited += rate_limited;
  }
  return days;
}

/**
 * Returns the start of a period that ends today, in milliseconds since the Unix epoch.
 * @param {number} days
 */
export function startOfPeriod(days) {
  return (Math.floor(Date.now() / DAY_IN_MS) - (days - 1)) * DAY_IN_MS;
}

/** @param {UsageDay[]} days */
export function total(days) {
  const sum = { requests: 0, rate_limited: 0 };
  for (const { requests, rate_limited } of days) {
    sum.requests += requests;
    sum.rate_limited += rate_limited;
  }
  return sum;
}

/** @param {string} date Such as `2026-01-30`. */
export function formatDate(date) {
  return DATE_FORMAT.format(new Date(date));
}

/** @param {number} number */
export function formatNumber(number) {
  return NUMBER_FORMAT.format(number);
}

/** @param {number} number */
export function formatRequests(number) {
  return number === 1 ? "1 request" : `${formatNumber(number)} requests`;
}
