// The dialog that asks for a new login after the session has ended. What the user has filled in stays on the page behind it.

import { request } from "./api.js";
import { openDialog } from "./dialog.js";
import { element } from "./element.js";
import { loginForm } from "./login-form.js";

/** @typedef {import("../types/contract").Me} Me */

/**
 * Returns true if the same member has logged in again.
 * @param {Me} member
 * @param {() => void} onOtherMember Called if another member has logged in.
 * @returns {Promise<boolean>}
 */
export function askForNewLogin(member, onOtherMember) {
  const { promise, resolve } = Promise.withResolvers();
  let isSameMember = false;
  openDialog(
    "Log in again",
    (close) => {
      const login = loginForm({
        initialEmail: member.email,
        onCancel: close,
        async onLogin() {
          /** @type {Me} */
          const { user_id } = await request("GET", "/auth/me");
          isSameMember = user_id === member.user_id;
          close();
          if (!isSameMember) onOtherMember();
        },
      });
      return [element("p", {}, "Your session has ended. What you have entered is still here: log in, and it will be sent."), login.element];
    },
    { onClosed: () => resolve(isSameMember) },
  );
  return promise;
}
