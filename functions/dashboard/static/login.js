// The login screen.

import { element } from "./element.js";
import { showLoggedOutScreen } from "./logged-out.js";
import { loginForm } from "./login-form.js";

/**
 * @param {HTMLElement} app
 * @param {() => Promise<void>} onLogin
 * @param {string} [notice]
 */
export function showLogin(app, onLogin, notice) {
  const login = loginForm({ onLogin }).element;
  showLoggedOutScreen(app, {
    title: "Log in",
    heading: ["Log in to ", element("strong", {}, "MedTWIN")],
    description: "Manage your account’s API keys, team members and sessions.",
    notice,
    content: [login, element("p", {}, element("a", { href: "#/forgot-password" }, "Forgot password?"))],
  });
}
