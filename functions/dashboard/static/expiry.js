// When a key is to end.

import { element, newId } from "./element.js";
import { field, Wrong } from "./form.js";
import { exact, inSeconds } from "./time.js";

const DAY = 86_400;
const PRESETS = [
  ["", "Never"],
  ["30", "In 30 days"],
  ["90", "In 90 days"],
  ["365", "In a year"],
  ["date", "On a day…"],
];

/** A choice of presets, and a day of one's own. */
export function expiryField() {
  const preset = element("select", { change: chosen }, ...PRESETS.map(([value, label]) => element("option", { value }, label)));
  const tomorrow = inSeconds(DAY).toLocaleDateString("sv");
  const day = element("input", { type: "date", id: newId("day"), min: tomorrow, "aria-label": "Last day", hidden: true, change: tell });
  const end = element("span");
  // So that who asks again asks for the same.
  const opened = Date.now();
  const made = field("Expires", preset, end);
  preset.after(day);
  tell();

  function chosen() {
    day.hidden = preset.value !== "date";
    tell();
  }

  function tell() {
    const at = preset.value === "date" && day.value === "" ? null : time();
    end.textContent = at ? `Its last moment is ${exact(at)}.` : "A key that ends by itself does no harm when it is forgotten.";
  }

  /**
   * Whenever that is, or null for never.
   * @returns {Date | null}
   */
  function time() {
    if (preset.value === "") return null;
    if (preset.value !== "date") return inSeconds(Number(preset.value) * DAY, opened);
    // The end of that day where the person is.
    const at = new Date(`${day.value}T23:59:59`);
    if (Number.isNaN(at.getTime())) throw new Wrong("expires_at", "Choose the last day.");
    return at;
  }
  return { ...made, time };
}
