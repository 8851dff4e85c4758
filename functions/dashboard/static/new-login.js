// The dialog that asks for a new login: after the session has ended, and before a sensitive change. What the user has open stays on the
// page behind it.

import { openDialog } from "./dialog.js";
import { element } from "./element.js";
import { isLayoutShown } from "./layout.js";
import { loginForm } from "./login-form.js";
import { endSession } from "./previous-session.js";
import { loadMember } from "./session-end.js";
import * as session from "./session.js";
import { endCeremony } from "./webauthn.js";

/** @typedef {import("../types/contract").Me} Me */

/**
 * Returns true if the same member has logged in again after the session has ended.
 * @param {Me} member
 * @param {() => void} onNewPage Called if another member has, or may have, logged in, or the page was cleared meanwhile.
 * @returns {Promise<boolean>}
 */
export function askForNewLogin(member, onNewPage) {
  return askForLogin("Log in again", "Your session has ended. Log in again within five minutes of its end to keep what is open here.", member, onNewPage);
}

/**
 * Returns true if the same member has logged in again. The previous session has then ended: somebody who has stolen its token must not
 * profit from the new authentication.
 * @param {Me} member
 * @param {() => void} onNewPage Called if another member has, or may have, logged in, or the page was cleared meanwhile.
 * @returns {Promise<boolean>}
 */
export function askForStepUp(member, onNewPage) {
  return askForLogin("Confirm that it’s you", "You logged in a while ago, and this change is sensitive. What you have entered is still here.", member, onNewPage);
}

/**
 * @param {string} title
 * @param {string} notice
 * @param {Me} member
 * @param {() => void} onNewPage
 * @returns {Promise<boolean>}
 */
function askForLogin(title, notice, member, onNewPage) {
  const { promise, resolve } = Promise.withResolvers();
  const previousToken = session.token();
  let isSameMember = false;
  /** Whether there is a new session, of which the member is not known yet. */
  let isMemberUnknown = false;
  let isDiscarded = false;
  openDialog(
    title,
    (close) => {
      const login = loginForm({
        initialEmail: member.email,
        onCancel: close,
        async onLogin() {
          isMemberUnknown = true;
          if (previousToken !== null) await endSession(previousToken);
          const current = await loadMember();
          if (isDiscarded) return;
          isMemberUnknown = false;
          isSameMember = current.user_id === member.user_id;
          if (isSameMember) {
            member.authenticated_at = current.authenticated_at;
            member.expires_at = current.expires_at;
            member.factors = current.factors;
          }
          close();
          // The page may have been cleared while the login was in progress.
          if (!isSameMember || !isLayoutShown()) onNewPage();
        },
      });
      return [element("p", {}, notice), login.element];
    },
    {
      onClosed() {
        endCeremony();
        resolve(isSameMember);
        // It may be another member, who must not see the page of the first one.
        isDiscarded = isMemberUnknown && session.token() !== null && isLayoutShown();
        if (isDiscarded) onNewPage();
      },
    },
  );
  return promise;
}
