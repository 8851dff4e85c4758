import { element } from "./element.js";
import { withHiddenLabel } from "./form.js";

/** In days. */
const PERIODS = [7, 30, 90];
const DEFAULT_PERIOD = 30;

/**
 * Creates a field for the period of a usage chart.
 * @param {() => void} onChange
 */
export function usagePeriod(onChange) {
  const select = element("select", { change: onChange }, ...PERIODS.map((days) => element("option", { value: days, selected: days === DEFAULT_PERIOD }, `Last ${days} days`)));
  return {
    element: element("div", { class: "filters" }, ...withHiddenLabel("Period", select)),
    days: () => Number(select.value),
  };
}
