// Client for the API.

import { canRepeat, newAttempt } from "./rejected-requests.js";
import * as session from "./session.js";

/** Base URL of the API, such as `https://auth.example.com/v1`. It is relative to this module, so it includes the stage. */
export const API_URL = new URL("../../../v1", import.meta.url).href;

/** Just above API Gateway's own timeout of 29 seconds. */
const TIMEOUT_MS = 30_000;

/** Says that a request was rejected, or the page cleared, because the session has ended. */
export const SESSION_ENDED = "Your session has ended. Log in again to continue.";

/** Says that the user did not authenticate again, so that a change was not made. */
export const NOT_CONFIRMED = "Nothing has changed, because you didn’t confirm that it’s you.";

/** The service's clock minus that of this device, in milliseconds. */
let clockDifference = 0;

/** A failed request, with a message for the user. */
export class ApiError extends Error {
  /**
   * @param {number} status HTTP status, or 0 if there was no response.
   * @param {string} message
   * @param {object} [details]
   * @param {string} [details.code] The API's code for the error.
   * @param {string | null} [details.field] Name of the invalid request field.
   * @param {number} [details.retryAfter] In seconds.
   */
  constructor(status, message, { code = "", field = null, retryAfter = 0 } = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.field = field;
    this.retryAfter = retryAfter;
  }

  /** Whether the request may have had its effect: the response was lost, is incomplete, or is an error of the service. */
  get mayHaveSucceeded() {
    return this.status < 400 || this.status >= 500;
  }
}

/**
 * Sends a request with the session token and returns the response body.
 * @param {"GET" | "POST" | "PATCH" | "DELETE"} method
 * @param {string} path
 * @param {object} [body]
 * @param {string} [idempotencyKey]
 * @returns {Promise<any>}
 */
export async function request(method, path, body, idempotencyKey) {
  for (;;) {
    const attempt = newAttempt();
    const headers = { Authorization: `Session ${attempt.token}`, ...(idempotencyKey && { "Idempotency-Key": idempotencyKey }) };
    try {
      const content = await send(method, path, headers, body);
      session.recordUse();
      return content;
    } catch (error) {
      if (!(error instanceof ApiError && (await canRepeat(error, attempt)))) throw error;
    }
  }
}

/**
 * Sends a request without a credential and returns the response body.
 * @param {"POST"} method
 * @param {string} path
 * @param {object} [body]
 * @returns {Promise<any>}
 */
export function publicRequest(method, path, body) {
  return send(method, path, {}, body);
}

/** Returns the time of the service in milliseconds, as precise as the header `Date` of its last response. */
export function serverTime() {
  return Date.now() + clockDifference;
}

/**
 * Ends a session on the service. It does not fail if the session has ended already.
 * @param {string | null} token
 */
export async function logOut(token) {
  try {
    await send("POST", "/auth/logout", { Authorization: `Session ${token}` });
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 401)) throw error;
  }
}

/**
 * Yields all items of a list. Pages are requested only as they are needed.
 * @template Item
 * @param {string} path
 * @param {Record<string, string> | URLSearchParams} [parameters]
 * @returns {AsyncGenerator<Item>}
 */
export async function* listItems(path, parameters = {}) {
  const query = new URLSearchParams(parameters);
  query.set("limit", "100");
  for (;;) {
    /** @type {import("../types/contract").Page<Item>} */
    const page = await request("GET", `${path}?${query}`);
    yield* page.data;
    if (page.next_cursor === null) return;
    query.set("cursor", page.next_cursor);
  }
}

/**
 * @param {string} method
 * @param {string} path
 * @param {Record<string, string>} headers
 * @param {object} [body]
 */
async function send(method, path, headers, body) {
  /** @type {RequestInit} */
  const options = { method, headers, credentials: "omit", cache: "no-store", referrerPolicy: "no-referrer" };
  if (body) {
    options.headers = { ...headers, "Content-Type": "application/json" };
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(API_URL + path, { ...options, signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch {
    throw new ApiError(0, "The service can’t be reached. Check your connection and try again.");
  }
  const time = Date.parse(response.headers.get("Date") ?? "");
  if (!Number.isNaN(time)) clockDifference = time - Date.now();
  if (response.status === 204) return null;
  const content = await response.json().catch(() => null);
  if (response.ok && content) return content;
  throw apiError(response, content?.error ?? {});
}

/**
 * @param {Response} response
 * @param {{ code?: string, message?: string, field?: string }} error
 */
function apiError({ status, headers }, { code = "", message = "The service sent an invalid response.", field }) {
  const retryAfter = Number(headers.get("Retry-After") ?? 0);
  const userMessage = {
    401: SESSION_ENDED,
    403: forbiddenMessage(code, message),
    404: "This item no longer exists.",
    422: "An earlier attempt with different values may have succeeded. Close this dialog and check the list.",
    429: `Too many requests. Try again in ${formatDuration(retryAfter)}.`,
    500: `Something went wrong on our end. Try again, or contact support with request ID ${headers.get("X-Request-Id")}.`,
    503: "The service is temporarily unavailable. Try again in a moment.",
  }[status];
  return new ApiError(status, userMessage ?? message, { code, field: field ?? null, retryAfter });
}

/**
 * @param {string} code
 * @param {string} message
 */
function forbiddenMessage(code, message) {
  if (code === "REAUTHENTICATION_REQUIRED") return NOT_CONFIRMED;
  if (code === "SECOND_FACTOR_REQUIRED") return "Your account requires a second factor. Add a passkey first.";
  return message.startsWith("API key") ? "You don’t have permission to do this." : message;
}

/** @param {number} seconds */
export function formatDuration(seconds) {
  const minutes = Math.ceil(seconds / 60);
  if (seconds > 90) return `${minutes} minutes`;
  return seconds === 1 ? "1 second" : `${seconds} seconds`;
}
