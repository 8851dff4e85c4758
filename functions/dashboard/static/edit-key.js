import { addressesField } from "./addresses-field.js";
import { request } from "./api.js";
import { openDialog } from "./dialog.js";
import { element } from "./element.js";
import { expiryField } from "./expiry-field.js";
import { choice, field, form, group, ValidationError } from "./form.js";
import { permissionsField } from "./permissions.js";
import { projectsField } from "./projects-field.js";
import { toRfc3339 } from "./time.js";
import { showToast } from "./toast.js";

/**
 * @param {import("../types/contract").ApiKey} key
 * @param {import("../types/contract").Me} me
 * @param {() => void} onChanged
 */
export function openEditKeyDialog(key, me, onChanged) {
  const nameInput = element("input", { type: "text", required: true, maxlength: 100, autocomplete: "off" });
  nameInput.value = key.name;
  const name = field("Name", nameInput);
  const permissions = permissionsField(me.permissions, key.permissions);
  const projects = projectsField(me, key.type, key.scope);
  const addresses = addressesField(key.allowed_ips);
  const expiry = expiryField(key.expires_at);
  const disabledInput = element("input", { type: "checkbox" });
  disabledInput.checked = key.status === "disabled";
  const disabled = group("Status", [choice(disabledInput, "Disabled", "Requests with the key are rejected until you enable it again.")]);

  /** Returns the fields that differ from the key. Other fields keep what they have, even if somebody else has changed them since. */
  function changes() {
    const newName = name.input.value.trim();
    const newPermissions = permissions.selected();
    const newScope = projects.scope();
    const newAddresses = addresses.selected();
    const expiresAt = expiry.time();
    const isDisabled = disabledInput.checked;
    if (newName === "") throw new ValidationError("name", "Enter a name.");
    if (newPermissions.length === 0) throw new ValidationError("permissions", "Select at least one permission.");
    return {
      ...(newName !== key.name && { name: newName }),
      ...(differs(newPermissions, key.permissions) && { permissions: newPermissions }),
      ...(differs(newScope, key.scope) && { scope: newScope }),
      ...(differs(newAddresses, key.allowed_ips) && { allowed_ips: newAddresses }),
      ...(isDisabled !== (key.status === "disabled") && { disabled: isDisabled }),
      ...(expiresAt !== undefined && { expires_at: expiresAt && toRfc3339(expiresAt) }),
    };
  }

  /** @param {() => void} close */
  async function save(close) {
    const body = changes();
    if (Object.keys(body).length > 0) {
      await request("PATCH", `/api-keys/${key.id}`, body);
      onChanged();
      showToast(`Saved ${name.input.value.trim()}`);
    }
    close();
  }

  openDialog(`Edit ${key.name}`, (close) => {
    const fields = { name, permissions, scope: projects, allowed_ips: addresses, expires_at: expiry, disabled };
    return [
      element("p", {}, "Changes take effect with the next request of the key."),
      form({ fields, submitLabel: "Save", onCancel: close, onSubmit: () => save(close) }).element,
    ];
  });
}

/**
 * @param {object | null} one
 * @param {object | null} other
 */
function differs(one, other) {
  return JSON.stringify(one) !== JSON.stringify(other);
}
