import { passwordField, ValidationError } from "./form.js";

const MIN_LENGTH = 15;

/**
 * Creates a field for a new password.
 * @param {string} label
 * @param {string} apiName The name of the field in the API's request.
 */
export function newPasswordField(label, apiName) {
  const password = passwordField(label, "new-password", `${MIN_LENGTH} to 128 characters. Several random words are easy to remember and hard to guess.`);
  function value() {
    if ([...password.input.value].length < MIN_LENGTH) throw new ValidationError(apiName, `Use at least ${MIN_LENGTH} characters.`);
    return password.input.value;
  }
  return { ...password, value };
}
