/**
 * Explains why a login failed.
 * @param {import("./api.js").ApiError} error
 * @param {string} unauthorized The message for a 401.
 */
export function explainLoginError(error, unauthorized) {
  if (error.status === 401) error.message = unauthorized;
  if (error.status === 403) error.message = "Your access is suspended. Contact an admin of your account, or support.";
}
