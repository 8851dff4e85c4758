// Rotate: a new secret for a key, and for how long the old one works still.

import { ask } from "./api.js";
import { openDialog } from "./dialog.js";
import { element } from "./element.js";
import { field, form } from "./form.js";
import { showSecret } from "./secret.js";
import { exact, inSeconds, relative } from "./time.js";

const OVERLAPS = [
  ["0", "It ends at once"],
  ["3600", "For an hour"],
  ["86400", "For a day"],
  ["604800", "For a week"],
];

/**
 * @param {import("../types/contract").ApiKey} key
 * @param {() => void} then
 */
export function openRotateKey(key, then) {
  const select = element("select", { change: tell }, ...OVERLAPS.map(([value, label]) => element("option", { value }, label)));
  select.value = "86400";
  const end = element("span");
  const overlap = field("How long the old secret works still", select, end);
  tell();

  function tell() {
    if (select.value === "0") {
      end.textContent = "Whoever still sends the old secret is refused from now on.";
      return;
    }
    const wanted = inSeconds(Number(select.value));
    const own = key.expires_at === null ? wanted : new Date(key.expires_at);
    end.textContent = `Until ${exact(own < wanted ? own : wanted)}, both work. A secret from before ends at once.`;
  }

  openDialog(`Rotate ${key.name}`, (close) => [
    element("p", {}, "The key gets a new secret. Its name, permissions, scope and expiry stay. Put the new secret where the old one is, before that ends."),
    form({ fields: { grace_period: overlap }, button: "Rotate key", cancel: close, send: () => rotate(close) }).element,
  ]);

  const once = crypto.randomUUID();

  /** @param {() => void} close */
  async function rotate(close) {
    /** @type {import("../types/contract").RotatedApiKey} */
    const rotated = await ask("POST", `/api-keys/${key.id}/rotate`, { grace_period: Number(select.value) }, once);
    close();
    then();
    const ends = rotated.previous_expires_at;
    const still = new Date(ends).getTime() > Date.now();
    const note = still ? `The old secret still works until ${exact(ends)}, which is ${relative(ends)}. Then it ends by itself.` : "The old secret has ended.";
    showSecret("The new secret", rotated, element("p", { class: "notice" }, note));
  }
}
