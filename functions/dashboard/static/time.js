// Formats times. The page shows relative times; their tooltips show the exact time.

import { element } from "./element.js";

const REFRESH_INTERVAL_MS = 30_000;
const DATE_TIME_FORMAT = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });
const RELATIVE_FORMAT = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS_IN_SECONDS = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["week", 604_800],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** @param {string | Date} time */
export function formatDateTime(time) {
  return DATE_TIME_FORMAT.format(new Date(time));
}

/** @param {string | Date} time */
export function formatRelative(time) {
  const difference = (new Date(time).getTime() - Date.now()) / 1000;
  // Rounds to minutes, so that 59 minutes and 59 seconds become 1 hour.
  const seconds = Math.abs(difference) < 60 ? difference : Math.round(difference / 60) * 60;
  for (const [unit, length] of UNITS_IN_SECONDS) {
    if (Math.abs(seconds) >= length) return RELATIVE_FORMAT.format(Math.round(seconds / length), unit);
  }
  return seconds > 0 ? "in less than a minute" : "just now";
}

/**
 * @param {string | null} time
 * @param {string} fallback Text to show if `time` is null.
 */
export function timeElement(time, fallback = "–") {
  if (time === null) return element("span", { class: "muted" }, fallback);
  return element("time", { datetime: time, title: formatDateTime(time) }, formatRelative(time));
}

/**
 * Shows the exact time, followed by the relative one.
 * @param {string | null} time
 * @param {string} fallback Text to show if `time` is null.
 */
export function exactTime(time, fallback) {
  return time === null ? element("span", {}, fallback) : element("span", {}, `${formatDateTime(time)} (`, timeElement(time), ")");
}

/**
 * Returns the time that is `seconds` after `start`, rounded down to whole seconds as the API requires.
 * @param {number} seconds
 * @param {number} start In milliseconds since the Unix epoch.
 */
export function secondsAfter(seconds, start = Date.now()) {
  return new Date(Math.floor(start / 1000 + seconds) * 1000);
}

/**
 * Formats a time for the API, in whole seconds.
 * @param {Date} time
 */
export function toRfc3339(time) {
  return time.toISOString().replace(/\.\d+Z$/, "Z");
}

/** Updates the relative times on the page at a regular interval. */
export function keepTimesCurrent() {
  setInterval(() => {
    for (const time of document.querySelectorAll("time")) time.textContent = formatRelative(time.dateTime);
  }, REFRESH_INTERVAL_MS);
}
