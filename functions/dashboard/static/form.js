// Forms: fields with their labels, hints and errors, and what happens while one is sent.

import { Problem } from "./api.js";
import { element, newId } from "./element.js";

/**
 * @typedef {object} Field
 * @property {HTMLElement} element
 * @property {(message: string | null) => void} complain Says what is wrong with it, or takes that back.
 * @property {HTMLElement} input Where to go when it is wrong.
 */

/**
 * A text with its label.
 * @template {HTMLInputElement | HTMLSelectElement} Input
 * @param {string} label
 * @param {Input} input
 * @param {...import("./element.js").Child} hint
 * @returns {Field & { input: Input }}
 */
export function field(label, input, ...hint) {
  input.id = newId("field");
  const hintId = newId("hint");
  const { error, complain } = complaint(input);
  if (hint.length > 0) input.setAttribute("aria-describedby", `${hintId} ${error.id}`);
  const wrapped = element(
    "div",
    { class: "field" },
    element("label", { for: input.id }, label),
    input,
    hint.length > 0 && element("p", { class: "hint", id: hintId }, ...hint),
    error,
  );
  return { element: wrapped, input, complain };
}

/**
 * A password with its label, which can be shown.
 * @param {string} label
 * @param {"current-password" | "new-password"} kind
 * @param {...import("./element.js").Child} hint
 */
export function passwordField(label, kind, ...hint) {
  const input = element("input", { type: "password", autocomplete: kind, required: true, spellcheck: "false" });
  const made = field(label, input, ...hint);
  const toggle = element("button", { type: "button", class: "reveal", click: flip });
  const together = element("div", { class: "with-reveal" });
  input.before(together);
  together.append(input, toggle);
  offer("Show");
  function flip() {
    const shown = input.type === "text";
    input.type = shown ? "password" : "text";
    offer(shown ? "Show" : "Hide");
  }
  /** @param {string} verb */
  function offer(verb) {
    toggle.textContent = verb;
    toggle.setAttribute("aria-label", `${verb} ${label.toLowerCase()}`);
  }
  return made;
}

/**
 * Several choices under one name.
 * @param {string} legend
 * @param {Child[]} choices
 * @param {...import("./element.js").Child} hint
 * @returns {Field}
 * @typedef {import("./element.js").Child} Child
 */
export function group(legend, choices, ...hint) {
  const hintId = newId("hint");
  const set = element(
    "fieldset",
    { class: "field" },
    element("legend", {}, legend),
    hint.length > 0 && element("p", { class: "hint", id: hintId }, ...hint),
    ...choices,
  );
  const first = set.querySelector("input") ?? set;
  const { error, complain } = complaint(set);
  if (hint.length > 0) set.setAttribute("aria-describedby", `${hintId} ${error.id}`);
  set.append(error);
  return { element: set, input: first, complain };
}

/**
 * One choice: a checkbox or a radio button, with what it means.
 * @param {HTMLInputElement} input
 * @param {string} label
 * @param {string} meaning
 */
export function choice(input, label, meaning) {
  const id = newId("choice");
  input.setAttribute("aria-describedby", id);
  return element(
    "label",
    { class: "choice" },
    input,
    element("span", { class: "choice-label" }, label),
    element("span", { class: "choice-meaning", id }, meaning),
  );
}

/** @param {HTMLElement} about */
function complaint(about) {
  const error = element("p", { class: "error", id: newId("error"), hidden: true });
  about.setAttribute("aria-describedby", error.id);
  /** @param {string | null} message */
  function complain(message) {
    error.textContent = message;
    error.hidden = message === null;
    if (message === null) about.removeAttribute("aria-invalid");
    else about.setAttribute("aria-invalid", "true");
  }
  return { error, complain };
}

/** Something that the person has to put right before anything is sent. */
export class Wrong extends Error {
  /**
   * @param {string} field
   * @param {string} message
   */
  constructor(field, message) {
    super(message);
    this.field = field;
  }
}

/**
 * A form. While it is sent, its button says so and sends nothing twice.
 * @param {object} parts
 * @param {Record<string, Field>} parts.fields By the names that the API has for them.
 * @param {import("./element.js").Child[]} [parts.content] What stands in it, where that is not just the fields.
 * @param {string} parts.button
 * @param {boolean} [parts.destroys] Whether it can't be undone.
 * @param {(() => void) | null} [parts.cancel]
 * @param {() => Promise<void>} parts.send
 */
export function form({ fields, content, button, destroys = false, cancel = null, send }) {
  const problem = element("p", { class: "problem", role: "alert", hidden: true });
  const submit = element("button", { type: "submit", class: destroys ? "danger" : "primary" }, button);
  const made = element(
    "form",
    { novalidate: true, submit: sent },
    ...(content ?? Object.values(fields).map((field) => field.element)),
    problem,
    element(
      "div",
      { class: "buttons" },
      cancel && element("button", { type: "button", click: cancel }, "Cancel"),
      submit,
    ),
  );

  /** @param {SubmitEvent} event */
  async function sent(event) {
    event.preventDefault();
    if (submit.getAttribute("aria-disabled") === "true") return;
    complainOf(null);
    busy(true);
    try {
      await send();
    } catch (reason) {
      complainOf(reason);
    } finally {
      busy(false);
    }
  }

  /** @param {boolean} is */
  function busy(is) {
    submit.setAttribute("aria-disabled", String(is));
    submit.classList.toggle("busy", is);
    made.setAttribute("aria-busy", String(is));
  }

  /** @param {unknown} reason */
  function complainOf(reason) {
    for (const field of Object.values(fields)) field.complain(null);
    problem.hidden = true;
    problem.textContent = "";
    if (reason === null) return;
    if (!(reason instanceof Problem || reason instanceof Wrong)) throw reason;
    const field = reason.field === null ? undefined : fields[reason.field];
    if (field) {
      field.complain(sentence(reason.message));
      field.input.focus();
    } else {
      problem.textContent = reason.message;
      problem.hidden = false;
    }
  }
  return { element: made, submit };
}

/**
 * What the API says of a member, as it is said beside the field: without its name.
 * @param {string} message
 */
function sentence(message) {
  const words = message.replace(/^`\w+` /, "It ");
  return words.endsWith(".") ? words : `${words}.`;
}
