// Selects API keys in a list, to revoke them together.

import { element, uniqueId } from "./element.js";
import { openRevokeKeysDialog } from "./revoke-keys.js";

/** @typedef {import("../types/contract").ApiKey} ApiKey */

/** @param {() => void} onRevoked */
export function keySelection(onRevoked) {
  /** @type {ApiKey[]} */
  let selectable = [];
  /** @type {Set<string>} IDs. */
  const selected = new Set();
  /** @type {Map<string, HTMLInputElement>} The checkboxes in the list by the IDs of their keys. */
  const checkboxes = new Map();
  const all = element("input", { type: "checkbox", id: uniqueId("select"), change: handleSelectAll });
  const allLabel = element("span");
  const count = element("span", { class: "muted", role: "status" });
  const revokeButton = element("button", { type: "button", class: "danger-subtle", click: revoke });
  const bar = element("div", { class: "selection", hidden: true }, element("label", { class: "checkbox", for: all.id }, all, allLabel), count, revokeButton);

  /**
   * Sets the keys that the list is about to show. Keys that it no longer shows are no longer selected.
   * @param {ApiKey[]} keys
   */
  function setKeys(keys) {
    selectable = keys.filter((key) => key.status !== "revoked");
    const ids = new Set(selectable.map(({ id }) => id));
    for (const id of [...selected]) if (!ids.has(id)) selected.delete(id);
    checkboxes.clear();
    update();
  }

  /** @param {ApiKey} key */
  function checkbox(key) {
    if (key.status === "revoked") return null;
    const input = element("input", { type: "checkbox", "aria-label": `Select ${key.name}`, change: () => select(key.id, input.checked) });
    input.checked = selected.has(key.id);
    checkboxes.set(key.id, input);
    return input;
  }

  /**
   * @param {string} id
   * @param {boolean} isSelected
   */
  function select(id, isSelected) {
    if (isSelected) selected.add(id);
    else selected.delete(id);
    update();
  }

  function handleSelectAll() {
    selected.clear();
    if (all.checked) for (const { id } of selectable) selected.add(id);
    for (const [id, input] of checkboxes) input.checked = selected.has(id);
    update();
  }

  function update() {
    bar.hidden = selectable.length === 0;
    allLabel.textContent = `Select all (${selectable.length})`;
    all.checked = selected.size > 0 && selected.size === selectable.length;
    all.indeterminate = selected.size > 0 && selected.size < selectable.length;
    count.textContent = selected.size === 0 ? "" : `${selected.size} selected`;
    revokeButton.hidden = selected.size === 0;
    revokeButton.textContent = "Revoke selected keys";
  }

  function revoke() {
    openRevokeKeysDialog(selectable.filter(({ id }) => selected.has(id)), onRevoked);
  }
  return { element: bar, setKeys, checkbox };
}
