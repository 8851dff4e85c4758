// Tests what an API key may do, without sending the request.

import { request } from "./api.js";
import { explainDenial } from "./denial-reasons.js";
import { element } from "./element.js";
import { field, form, ValidationError } from "./form.js";

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/** @param {import("../types/contract").ApiKey} key */
export function simulator(key) {
  const method = field("Method", element("select", {}, ...METHODS.map((name) => element("option", { value: name }, name))));
  const path = field("Path", element("input", { type: "text", autocomplete: "off", spellcheck: "false", autocapitalize: "none" }));
  path.input.value = key.scope === null ? "/v1/projects" : `/v1/projects/${key.scope.projects[0]}`;
  const address = field("IP address of the server", element("input", { type: "text", autocomplete: "off", spellcheck: "false", autocapitalize: "none" }));
  address.input.value = key.last_used_ip ?? key.allowed_ips?.[0].split("/")[0] ?? "192.0.2.1";
  const result = element("div", { role: "status" });

  async function simulate() {
    result.replaceChildren();
    if (!path.input.value.trim().startsWith("/")) throw new ValidationError("path", "Enter a path that starts with a slash.");
    if (address.input.value.trim() === "") throw new ValidationError("ip_address", "Enter an IP address.");
    const body = { method: method.input.value, path: path.input.value.trim(), ip_address: address.input.value.trim() };
    /** @type {import("../types/contract").Simulation} */
    const { decision, status, reason } = await request("POST", `/api-keys/${key.id}/simulate`, body);
    result.replaceChildren(
      decision === "allow"
        ? element("p", { class: "notice success" }, element("strong", {}, "Allowed. "), "The key may make this request.")
        : element("p", { class: "notice" }, element("strong", {}, `Denied with ${status}. `), explainDenial(reason ?? "unknown")),
    );
  }

  return element(
    "div",
    { class: "simulator" },
    element("p", { class: "muted" }, "Shows whether a request with this key would be authorized. The request is not sent. The rate limit is not considered, nor whether the project exists."),
    form({ fields: { method, path, ip_address: address }, submitLabel: "Test", onSubmit: simulate }).element,
    result,
  );
}
