// Forms: fields with labels, hints and errors, and their submission.

import { ApiError } from "./api.js";
import * as busyButton from "./busy-button.js";
import { element, uniqueId } from "./element.js";

/** @typedef {import("./element.js").Child} Child */

/**
 * @typedef {object} Field
 * @property {HTMLElement} element
 * @property {HTMLElement} input Receives the focus when the field is invalid.
 * @property {(message: string | null) => void} setError Shows an error, or hides it if `message` is null.
 */

/**
 * Creates a field with one input and its label.
 * @template {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} Input
 * @param {string} label
 * @param {Input} input
 * @param {...Child} hint
 * @returns {Field & { input: Input }}
 */
export function field(label, input, ...hint) {
  input.id = uniqueId("field");
  const hintId = uniqueId("hint");
  const { error, setError } = fieldError(input);
  if (hint.length > 0) input.setAttribute("aria-describedby", `${hintId} ${error.id}`);
  const wrapper = element(
    "div",
    { class: "field" },
    element("label", { for: input.id }, label),
    input,
    hint.length > 0 && element("p", { class: "hint", id: hintId }, ...hint),
    error,
  );
  return { element: wrapper, input, setError };
}

/**
 * Creates a label that only screen readers read. Returns it with its control.
 * @param {string} label
 * @param {HTMLElement} control
 */
export function withHiddenLabel(label, control) {
  control.id = uniqueId("field");
  return [element("label", { class: "visually-hidden", for: control.id }, label), control];
}

/**
 * Creates a password field with a button that shows or hides the password.
 * @param {string} label
 * @param {"current-password" | "new-password"} autocomplete
 * @param {...Child} hint
 */
export function passwordField(label, autocomplete, ...hint) {
  const input = element("input", { type: "password", autocomplete, required: true, spellcheck: "false" });
  const inputField = field(label, input, ...hint);
  const toggle = element("button", { type: "button", class: "reveal", click: toggleVisibility });
  const wrapper = element("div", { class: "with-reveal" });
  input.before(wrapper);
  wrapper.append(input, toggle);
  setToggleLabel("Show");
  function toggleVisibility() {
    const isVisible = input.type === "text";
    input.type = isVisible ? "password" : "text";
    setToggleLabel(isVisible ? "Show" : "Hide");
  }
  /** @param {"Show" | "Hide"} verb */
  function setToggleLabel(verb) {
    toggle.textContent = verb;
    toggle.setAttribute("aria-label", `${verb} ${label.toLowerCase()}`);
  }
  return inputField;
}

/**
 * Creates a field with several inputs under one legend.
 * @param {string} legend
 * @param {Child[]} choices
 * @param {...Child} hint
 * @returns {Field}
 */
export function group(legend, choices, ...hint) {
  const hintId = uniqueId("hint");
  const fieldset = element(
    "fieldset",
    { class: "field" },
    element("legend", {}, legend),
    hint.length > 0 && element("p", { class: "hint", id: hintId }, ...hint),
    ...choices,
  );
  const firstInput = fieldset.querySelector("input") ?? fieldset;
  const { error, setError } = fieldError(fieldset);
  if (hint.length > 0) fieldset.setAttribute("aria-describedby", `${hintId} ${error.id}`);
  fieldset.append(error);
  return { element: fieldset, input: firstInput, setError };
}

/**
 * Creates a labeled checkbox or radio button with a description.
 * @param {HTMLInputElement} input
 * @param {string} label
 * @param {string} description
 */
export function choice(input, label, description) {
  const id = uniqueId("choice");
  input.setAttribute("aria-describedby", id);
  return element(
    "label",
    { class: "choice" },
    input,
    element("span", { class: "choice-label" }, label),
    element("span", { class: "choice-description", id }, description),
  );
}

/** @param {HTMLElement} control */
function fieldError(control) {
  const error = element("p", { class: "error", id: uniqueId("error"), hidden: true });
  control.setAttribute("aria-describedby", error.id);
  /** @param {string | null} message */
  function setError(message) {
    error.textContent = message;
    error.hidden = message === null;
    if (message === null) control.removeAttribute("aria-invalid");
    else control.setAttribute("aria-invalid", "true");
  }
  return { error, setError };
}

/** Invalid input that the dashboard detects before it sends a request. */
export class ValidationError extends Error {
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
 * Creates a form. While it is being submitted, the submit button shows progress and ignores clicks.
 * @param {object} options
 * @param {Record<string, Field>} options.fields By the field names of the API.
 * @param {Child[]} [options.content] Content of the form, if it is not just the fields.
 * @param {string} options.submitLabel
 * @param {boolean} [options.isDestructive] Whether submitting the form can't be undone.
 * @param {(() => void) | null} [options.onCancel]
 * @param {() => Promise<void>} options.onSubmit
 */
export function form({ fields, content, submitLabel, isDestructive = false, onCancel = null, onSubmit }) {
  const alert = element("p", { class: "alert", role: "alert", hidden: true });
  const submitButton = element("button", { type: "submit", class: isDestructive ? "danger" : "primary" }, submitLabel);
  const formElement = element(
    "form",
    { novalidate: true, submit: handleSubmit },
    ...(content ?? Object.values(fields).map((field) => field.element)),
    alert,
    element(
      "div",
      { class: "buttons" },
      onCancel && element("button", { type: "button", click: onCancel }, "Cancel"),
      submitButton,
    ),
  );

  /** @param {SubmitEvent} event */
  async function handleSubmit(event) {
    event.preventDefault();
    if (busyButton.isBusy(submitButton)) return;
    clearErrors();
    setBusy(true);
    try {
      await onSubmit();
    } catch (error) {
      clearErrors();
      showError(error);
    } finally {
      setBusy(false);
    }
  }

  /** @param {boolean} isBusy */
  function setBusy(isBusy) {
    busyButton.setBusy(submitButton, isBusy);
    formElement.setAttribute("aria-busy", String(isBusy));
  }

  function clearErrors() {
    for (const field of Object.values(fields)) field.setError(null);
    alert.hidden = true;
    alert.textContent = "";
  }

  /** @param {unknown} error */
  function showError(error) {
    if (!(error instanceof ApiError || error instanceof ValidationError)) throw error;
    const field = error.field === null ? undefined : fields[error.field];
    if (field) {
      field.setError(fieldMessage(error.message));
      field.input.focus();
    } else {
      alert.textContent = error.message;
      alert.hidden = false;
    }
  }
  return { element: formElement, submitButton };
}

/**
 * Converts an API message such as "`name` is required" for display next to the field: "It is required."
 * @param {string} message
 */
function fieldMessage(message) {
  const sentence = message.replace(/^`\w+` /, "It ");
  return sentence.endsWith(".") ? sentence : `${sentence}.`;
}

/** Returns true if the page shows a form that the user may have filled in. */
export function isFormOpen() {
  return document.querySelector("dialog[open] form, #main form:not([role=search])") !== null;
}
