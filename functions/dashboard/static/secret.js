// A key's secret, which can be seen now and never again.

import { API } from "./api.js";
import { copyable } from "./copy.js";
import { openDialog } from "./dialog.js";
import { element } from "./element.js";

/**
 * Shows it, until somebody says that it was saved; or says that it was lost with an answer that did not come.
 * @param {string} title
 * @param {import("../types/contract").NewApiKey} key
 * @param {...import("./element.js").Child} notes
 */
export function showSecret(title, { name, key }, ...notes) {
  if (key === undefined) {
    openDialog("The secret is lost", (close) => [
      element("p", {}, element("strong", {}, name), " has a new secret, but it was lost on the way. Rotate the key to get another; the one before ends then."),
      element("div", { class: "buttons" }, element("button", { type: "button", class: "primary", click: close }, "OK")),
    ]);
    return;
  }
  const watched = new AbortController();
  let askInstead = () => {};
  // The browser asks before the page is left.
  addEventListener("beforeunload", (event) => event.preventDefault(), { signal: watched.signal });

  openDialog(
    title,
    (close) => {
      const done = element("button", { type: "button", class: "primary", click: ask }, "Done");
      const buttons = element("div", { class: "buttons" }, done);
      const saved = element("button", { type: "button", class: "primary", click: leave }, "Yes, I have saved it");
      const question = element(
        "div",
        { class: "question", role: "group", "aria-label": "Have you saved it?", hidden: true },
        element("p", {}, element("strong", {}, "Have you saved it? "), "Nobody can show it again: you would have to rotate the key."),
        element("div", { class: "buttons" }, element("button", { type: "button", click: back }, "Not yet"), saved),
      );
      askInstead = ask;
      function ask() {
        buttons.hidden = true;
        question.hidden = false;
        saved.focus();
      }
      function back() {
        buttons.hidden = false;
        question.hidden = true;
        done.focus();
      }
      function leave() {
        watched.abort();
        close();
      }
      return [
        element("p", {}, "This is the secret of ", element("strong", {}, name), ". Copy it now: ", element("strong", {}, "you won’t see it again.")),
        ...notes,
        copyable("Key", key),
        copyable("Line for .env", `MEDTWIN_API_KEY=${key}`),
        copyable("Try it with curl", `curl ${API}/auth/me -H "Authorization: Bearer ${key}"`),
        element("p", { class: "hint" }, "Keep it where secrets are kept, and out of repositories, tickets and chats."),
        buttons,
        question,
      ];
    },
    () => askInstead(),
  );
}
