// Password: a new one.

import { Problem, ask } from "./api.js";
import { element } from "./element.js";
import { form, passwordField, Wrong } from "./form.js";
import { heading } from "./heading.js";
import { say } from "./status.js";

const LEAST = 15;

/**
 * @param {HTMLElement} main
 * @param {import("../types/contract").Me} me
 */
export function openPassword(main, me) {
  const current = passwordField("Current password", "current-password");
  const next = passwordField("New password", "new-password", `${LEAST} to 128 characters. A few words in a row are easily remembered and hard to guess.`);
  const made = form({
    fields: { current_password: current, new_password: next },
    content: [
      // For password managers, which want to know whose it is.
      element("input", { type: "text", autocomplete: "username", value: me.email, hidden: true, readonly: true }),
      current.element,
      next.element,
    ],
    button: "Change password",
    async send() {
      if (current.input.value === "") throw new Wrong("current_password", "Enter it, so that nobody else can change it.");
      if ([...next.input.value].length < LEAST) throw new Wrong("new_password", `It needs at least ${LEAST} characters.`);
      try {
        await ask("POST", "/auth/password", { current_password: current.input.value, new_password: next.input.value });
      } catch (problem) {
        if (problem instanceof Problem && problem.message === "Current password is wrong") throw new Wrong("current_password", "It is wrong.");
        throw problem;
      }
      current.input.value = next.input.value = "";
      say("Your password was changed, and your other sessions have ended.");
    },
  });
  main.append(heading("Password", "Changing it ends all of your other sessions."), element("div", { class: "panel" }, made.element));
}
