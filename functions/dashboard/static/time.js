// Times as people say them, with the exact one where the pointer rests.

import { element } from "./element.js";

const EXACT = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });
const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["week", 604_800],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** @param {string | Date} time */
export function exact(time) {
  return EXACT.format(new Date(time));
}

/** @param {string | Date} time */
export function relative(time) {
  const exactly = (new Date(time).getTime() - Date.now()) / 1000;
  // To the minute, so that 59 minutes and 59 seconds are an hour.
  const seconds = Math.abs(exactly) < 60 ? exactly : Math.round(exactly / 60) * 60;
  for (const [unit, length] of UNITS) {
    if (Math.abs(seconds) >= length) return RELATIVE.format(Math.round(seconds / length), unit);
  }
  return seconds > 0 ? "in less than a minute" : "just now";
}

/**
 * A time, or what stands for none.
 * @param {string | null} time
 * @param {string} none
 */
export function when(time, none = "–") {
  if (time === null) return element("span", { class: "quiet" }, none);
  return element("time", { datetime: time, title: exact(time) }, relative(time));
}

/**
 * The time so many seconds after another, in milliseconds. The API takes whole seconds.
 * @param {number} seconds
 */
export function inSeconds(seconds, from = Date.now()) {
  return new Date(Math.floor(from / 1000 + seconds) * 1000);
}

/**
 * As the API writes it.
 * @param {Date} time
 */
export function rfc3339(time) {
  return time.toISOString().replace(/\.\d+Z$/, "Z");
}

/** Keeps the times on the page true while it stands open. */
export function keepTimesTrue() {
  setInterval(() => {
    for (const time of document.querySelectorAll("time")) time.textContent = relative(time.dateTime);
  }, 30_000);
}
