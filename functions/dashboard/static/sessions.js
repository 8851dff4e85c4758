// The sessions screen.

import { NOT_CONFIRMED, request } from "./api.js";
import { isBusy, setBusy } from "./busy-button.js";
import { openDialog } from "./dialog.js";
import { element } from "./element.js";
import { form, ValidationError } from "./form.js";
import { heading } from "./heading.js";
import { rowButton } from "./list.js";
import { stepUp } from "./rejected-requests.js";
import { hasAuthenticatedRecently } from "./session-end.js";
import { deviceName, sessionList } from "./session-list.js";
import { showRequestError, showToast } from "./toast.js";

/** @typedef {import("../types/contract").Session} Session */

/**
 * @param {HTMLElement} main
 * @param {import("../types/contract").Me} me
 */
export function showSessions(main, me) {
  const sessions = sessionList({ caption: "Your sessions, newest first", path: "/auth/sessions", rowActions });

  /** @param {Session} session */
  function rowActions(session) {
    if (session.current) return null;
    const button = rowButton("End", `session on ${deviceName(session.user_agent)}`, () => end(session, button), "danger-subtle");
    return button;
  }

  /** The API ends sessions without a recent authentication. The dashboard asks for one, so that nobody who finds it open can end them. */
  async function isConfirmed() {
    return hasAuthenticatedRecently(me) || stepUp();
  }

  /**
   * @param {Session} session
   * @param {HTMLButtonElement} button
   */
  async function end({ id }, button) {
    if (isBusy(button)) return;
    setBusy(button, true);
    try {
      if (!(await isConfirmed())) return;
      await request("DELETE", `/auth/sessions/${id}`);
      showToast("Session ended");
    } catch (error) {
      if (!showRequestError(error)) return;
    } finally {
      setBusy(button, false);
    }
    sessions.reload();
  }

  function openEndOthersDialog() {
    openDialog("End all other sessions", (close) => [
      element("p", {}, "You stay logged in here and are logged out everywhere else."),
      form({
        fields: {},
        submitLabel: "End all other sessions",
        isDestructive: true,
        onCancel: close,
        async onSubmit() {
          if (!(await isConfirmed())) throw new ValidationError("", NOT_CONFIRMED);
          await request("DELETE", "/auth/sessions");
          close();
          showToast("All other sessions ended");
          sessions.reload();
        },
      }).element,
    ]);
  }

  main.append(
    heading(
      "Sessions",
      "Where you are logged in. A session expires after 1 hour without use, and no later than 12 hours after login.",
      element("button", { type: "button", click: openEndOthersDialog }, "End all other sessions"),
    ),
    sessions.element,
  );
  sessions.reload();
}
