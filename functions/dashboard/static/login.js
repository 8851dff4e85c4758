// The login.

import { Problem, duration, login } from "./api.js";
import { element } from "./element.js";
import { field, form, passwordField } from "./form.js";

/**
 * @param {HTMLElement} screen
 * @param {() => Promise<void>} then
 * @param {string} [why]
 */
export function openLogin(screen, then, why) {
  const email = field(
    "E-mail",
    element("input", { type: "email", autocomplete: "username", required: true, spellcheck: "false", autocapitalize: "none" }),
  );
  const password = passwordField("Password", "current-password");
  const made = form({
    fields: { email, password },
    button: "Log in",
    async send() {
      try {
        await login(email.input.value, password.input.value);
      } catch (problem) {
        if (problem instanceof Problem) refused(problem);
        throw problem;
      }
      await then();
    },
  });

  /** @param {Problem} problem */
  function refused(problem) {
    password.input.value = "";
    password.input.focus();
    if (problem.status === 401) problem.message = "The e-mail address or the password is wrong.";
    if (problem.status === 403) problem.message = "Your access is suspended. An admin of your account, or whoever runs this service, can restore it.";
    if (problem.status === 429) waitFor(problem);
  }

  let clock = 0;
  /** @param {Problem} problem */
  function waitFor(problem) {
    const until = Date.now() + problem.retryAfter * 1000;
    const before = "Too many attempts with this address, or from where you are.";
    problem.message = `${before} Wait for ${duration(problem.retryAfter)}, then try again.`;
    const left = made.submit;
    clearInterval(clock);
    clock = setInterval(() => {
      const seconds = Math.ceil((until - Date.now()) / 1000);
      left.textContent = seconds > 0 ? `Log in in ${duration(seconds)}` : "Log in";
      if (seconds <= 0) clearInterval(clock);
    }, 1000);
  }

  document.title = "Log in · MedTWIN";
  screen.replaceChildren(
    element(
      "main",
      { class: "login" },
      element("h1", { tabindex: -1 }, "Log in to ", element("strong", {}, "MedTWIN")),
      element("p", { class: "quiet" }, "API keys, sessions and team members of your account."),
      why && element("p", { class: "notice", role: "alert" }, why),
      made.element,
    ),
  );
  email.input.focus();
}
