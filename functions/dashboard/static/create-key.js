import { addressesField } from "./addresses-field.js";
import { request } from "./api.js";
import { openDialog } from "./dialog.js";
import { element } from "./element.js";
import { choice, field, form, group, ValidationError } from "./form.js";
import { expiryField } from "./expiry-field.js";
import { permissionsField } from "./permissions.js";
import { projectsField } from "./projects-field.js";
import { openSecretDialog } from "./secret-dialog.js";
import { toRfc3339 } from "./time.js";

/** @typedef {import("../types/contract").Environment} Environment */

/**
 * @param {import("../types/contract").Me} me
 * @param {(key: import("../types/contract").ApiKey) => void} onCreated
 */
export function openCreateKeyDialog(me, onCreated) {
  const name = field(
    "Name",
    element("input", { type: "text", required: true, maxlength: 100, autocomplete: "off" }),
    "Where you will use the key, for example “Production server”.",
  );
  const types = [
    ["live", "Accesses live data."],
    ["test", "Accesses test data only, with a lower rate limit."],
  ].map(([value, description]) => {
    const input = element("input", { type: "radio", name: "type", value, change: () => projects.setEnvironment(selectedType()) });
    input.checked = value === "live";
    return { input, element: choice(input, value === "live" ? "Live" : "Test", description) };
  });
  const typeField = group("Type", types.map((type) => type.element));
  const permissions = permissionsField(me.permissions, ["read"]);
  const projects = projectsField(me);
  const addresses = addressesField();
  const expiry = expiryField();

  function selectedType() {
    return /** @type {Environment} */ (types.find(({ input }) => input.checked)?.input.value);
  }

  const idempotencyKey = crypto.randomUUID();

  /** @param {() => void} close */
  async function create(close) {
    const expiresAt = expiry.time();
    const body = {
      name: name.input.value,
      type: selectedType(),
      permissions: permissions.selected(),
      scope: projects.scope(),
      allowed_ips: addresses.selected(),
      expires_at: expiresAt && toRfc3339(expiresAt),
    };
    if (body.name.trim() === "") throw new ValidationError("name", "Enter a name.");
    if (body.permissions.length === 0) throw new ValidationError("permissions", "Select at least one permission.");
    /** @type {import("../types/contract").ApiKeyWithSecret} */
    const key = await request("POST", "/api-keys", body, idempotencyKey);
    close();
    onCreated(key);
    openSecretDialog("API key created", key);
  }

  openDialog("Create API key", (close) => {
    const fields = { name, type: typeField, permissions, scope: projects, allowed_ips: addresses, expires_at: expiry };
    return [form({ fields, submitLabel: "Create key", onCancel: close, onSubmit: () => create(close) }).element];
  });
}
