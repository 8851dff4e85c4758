import { API_URL } from "./api.js";
import { copyField } from "./copy-field.js";
import { openDialog } from "./dialog.js";
import { element } from "./element.js";
import { openShownOnceDialog } from "./shown-once-dialog.js";

/**
 * Shows the secret of a new or rotated API key once. The dialog stays open until the user confirms that the secret is saved.
 * @param {string} title
 * @param {import("../types/contract").ApiKeyWithSecret} key
 * @param {...import("./element.js").Child} notices
 */
export function openSecretDialog(title, { name, key: secret }, ...notices) {
  if (secret === undefined) {
    openLostSecretDialog(name);
    return;
  }
  openShownOnceDialog({
    title,
    question: "Have you saved the secret?",
    answer: "Yes, I saved it",
    consequence: "If you lose it, you must rotate the key.",
    content: [
      element("p", {}, "Copy the secret of ", element("strong", {}, name), " now. ", element("strong", {}, "You won’t see it again.")),
      ...notices,
      copyField("Secret", secret),
      copyField("Environment variable", `MEDTWIN_API_KEY=${secret}`),
      copyField("Curl command", `curl ${API_URL}/auth/me -H "Authorization: Bearer ${secret}"`),
      element("p", { class: "hint" }, "Store the secret in a secrets manager. Don’t put it in source code, tickets or chat messages."),
    ],
  });
}

/**
 * Explains that there is no secret to show: the first response was lost, and the response to a retry doesn't repeat the secret.
 * @param {string} name
 */
function openLostSecretDialog(name) {
  openDialog("Secret not received", (close) => [
    element("p", {}, element("strong", {}, name), " has a new secret, but the connection failed before it arrived. Rotate the key to get another one. Secrets older than the lost one stop working when you do."),
    element("div", { class: "buttons" }, element("button", { type: "button", class: "primary", click: close }, "OK")),
  ]);
}
