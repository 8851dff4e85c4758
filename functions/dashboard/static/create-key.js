// Create API Key: name, type, permissions, projects and expiry; then the key, once.

import { ask } from "./api.js";
import { openDialog } from "./dialog.js";
import { element } from "./element.js";
import { choice, field, form, group, Wrong } from "./form.js";
import { expiryField } from "./expiry.js";
import { permissionsField } from "./permissions.js";
import { projectsField } from "./projects.js";
import { showSecret } from "./secret.js";
import { rfc3339 } from "./time.js";

/** @typedef {import("../types/contract").Environment} Environment */

/**
 * @param {import("../types/contract").Me} me
 * @param {() => void} then
 */
export function openCreateKey(me, then) {
  const name = field(
    "Name",
    element("input", { type: "text", required: true, maxlength: 100, autocomplete: "off" }),
    "Where it will be used, such as “Production Server”.",
  );
  const types = [
    ["live", "Sees live data."],
    ["test", "Sees test data alone, with a lower limit of requests."],
  ].map(([value, meaning]) => {
    const input = element("input", { type: "radio", name: "type", value, change: () => projects.setEnvironment(type()) });
    input.checked = value === "live";
    return { input, element: choice(input, value === "live" ? "Live" : "Test", meaning) };
  });
  const typeField = group("Type", types.map((type) => type.element));
  const permissions = permissionsField(me.permissions, ["read"], "You can give what you have yourself.");
  const projects = projectsField(me);
  const expiry = expiryField();

  function type() {
    return /** @type {Environment} */ (types.find(({ input }) => input.checked)?.input.value);
  }

  const once = crypto.randomUUID();

  /** @param {() => void} close */
  async function create(close) {
    const at = expiry.time();
    const body = {
      name: name.input.value,
      type: type(),
      permissions: permissions.chosen(),
      scope: projects.scope(),
      expires_at: at && rfc3339(at),
    };
    if (body.name.trim() === "") throw new Wrong("name", "Give it a name.");
    if (body.permissions.length === 0) throw new Wrong("permissions", "Choose at least one.");
    /** @type {import("../types/contract").NewApiKey} */
    const key = await ask("POST", "/api-keys", body, once);
    close();
    then();
    showSecret("Your new key", key);
  }

  openDialog("Create API Key", (close) => {
    const fields = { name, type: typeField, permissions, scope: projects, expires_at: expiry };
    return [form({ fields, button: "Create key", cancel: close, send: () => create(close) }).element];
  });
}
