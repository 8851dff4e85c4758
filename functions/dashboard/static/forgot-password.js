// The screen that asks for a link to set a new password.

import { publicRequest } from "./api.js";
import { element } from "./element.js";
import { field, form, ValidationError } from "./form.js";
import { showLoggedOutScreen } from "./logged-out.js";

/** @param {HTMLElement} app */
export function showForgotPassword(app) {
  const emailInput = element("input", { type: "email", autocomplete: "username", required: true, spellcheck: "false", autocapitalize: "none", "data-focus": "" });
  const email = field("Email", emailInput);
  const emailForm = form({
    fields: { email },
    submitLabel: "Send link",
    async onSubmit() {
      const address = emailInput.value.trim();
      if (address === "") throw new ValidationError("email", "Enter your email address.");
      await publicRequest("POST", "/auth/password-reset", { email: address });
      showSent(app, address);
    },
  });
  showLoggedOutScreen(app, {
    title: "Forgot your password?",
    description: "Enter your email address to get a link with which you can set a new password.",
    content: [emailForm.element, loginLink()],
  });
}

/**
 * Says the same whether or not the address belongs to a member.
 * @param {HTMLElement} app
 * @param {string} address
 */
function showSent(app, address) {
  showLoggedOutScreen(app, {
    title: "Check your mail",
    description: `If ${address} belongs to a member, a link is on its way. It works once, for 30 minutes.`,
    content: [element("p", {}, "No mail after a few minutes? Check the spam folder and the address. You can ask for another link after 10 minutes, or contact support. Some installations send no mails: then ask the operator of the service for a link."), loginLink()],
  });
}

function loginLink() {
  return element("p", {}, element("a", { href: "#/" }, "Back to the login"));
}
