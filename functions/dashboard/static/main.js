// Begins: with the screens, where somebody is logged in, or with the login.

import { Problem, ask, whenSessionEnds } from "./api.js";
import { closeDialogs } from "./dialog.js";
import { element } from "./element.js";
import { closeFrame, openFrame } from "./frame.js";
import { openLogin } from "./login.js";
import * as session from "./session.js";
import { keepTimesTrue } from "./time.js";

const screen = /** @type {HTMLElement} */ (document.getElementById("screen"));

/** @param {string} [why] What to tell first, where nobody asked to log in. */
function logIn(why) {
  closeDialogs();
  closeFrame();
  openLogin(screen, start, why);
}

async function start() {
  try {
    const me = await ask("GET", "/auth/me");
    openFrame(screen, me, logIn);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    // A 401 has led to the login already. Who is calling may be told to any session but a suspended account's.
    if (problem.status === 401) return;
    if (problem.status === 403) {
      session.forget();
      logIn("Your account is suspended. Whoever runs this service can restore it.");
    } else showFailure(problem);
  }
}

/** @param {Problem} problem */
function showFailure(problem) {
  screen.replaceChildren(
    element(
      "main",
      { class: "login" },
      element("div", { class: "problem", role: "alert" }, problem.message),
      element("button", { type: "button", class: "primary", click: start }, "Try again"),
    ),
  );
}

whenSessionEnds(() => logIn("Your session has ended. Log in again to go on."));
keepTimesTrue();
if (session.token()) start();
else logIn();
