import { element } from "./element.js";
import { field } from "./form.js";

/**
 * Creates a field for the IP addresses from which an API key may be used.
 * @param {string[] | null} [initial]
 */
export function addressesField(initial = null) {
  const textarea = element("textarea", { rows: 3, autocomplete: "off", spellcheck: "false", placeholder: "Any address" });
  textarea.value = initial?.join("\n") ?? "";
  const addresses = field(
    "Allowed IP addresses",
    textarea,
    "One address or network in each line, for example 192.0.2.7 or 2001:db8::/48. Leave it empty to allow every address. If your servers reach the API through a proxy, the API sees the proxy’s address.",
  );
  /** Returns the addresses for the API, or null for every address. */
  function selected() {
    const lines = textarea.value.split(/[\s,]+/).filter((line) => line !== "");
    return lines.length === 0 ? null : lines;
  }
  return { ...addresses, selected };
}
