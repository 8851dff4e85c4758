import { API_URL } from "./api.js";
import { copyField } from "./copy-field.js";
import { openDialog } from "./dialog.js";
import { element } from "./element.js";

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
  const leaveWarning = new AbortController();
  // Makes the browser ask for confirmation before the user leaves the page.
  addEventListener("beforeunload", (event) => event.preventDefault(), { signal: leaveWarning.signal });
  let handleDismiss = () => {};

  openDialog(
    title,
    (close) => {
      const doneButton = element("button", { type: "button", class: "primary", click: askWhetherSaved }, "Done");
      const buttons = element("div", { class: "buttons" }, doneButton);
      const savedButton = element("button", { type: "button", class: "primary", click: confirmSaved }, "Yes, I saved it");
      const confirmation = element(
        "div",
        { class: "confirmation", role: "group", "aria-label": "Have you saved the secret?", hidden: true },
        element("p", {}, element("strong", {}, "Have you saved the secret? "), "If you lose it, you must rotate the key."),
        element("div", { class: "buttons" }, element("button", { type: "button", click: cancelConfirmation }, "Not yet"), savedButton),
      );
      handleDismiss = askWhetherSaved;
      function askWhetherSaved() {
        buttons.hidden = true;
        confirmation.hidden = false;
        savedButton.focus();
      }
      function cancelConfirmation() {
        buttons.hidden = false;
        confirmation.hidden = true;
        doneButton.focus();
      }
      function confirmSaved() {
        leaveWarning.abort();
        close();
      }
      return [
        element("p", {}, "Copy the secret of ", element("strong", {}, name), " now. ", element("strong", {}, "You won’t see it again.")),
        ...notices,
        copyField("Secret", secret),
        copyField("Environment variable", `MEDTWIN_API_KEY=${secret}`),
        copyField("Curl command", `curl ${API_URL}/auth/me -H "Authorization: Bearer ${secret}"`),
        element("p", { class: "hint" }, "Store the secret in a secrets manager. Don’t put it in source code, tickets or chat messages."),
        buttons,
        confirmation,
      ];
    },
    { onDismiss: () => handleDismiss() },
  );
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
