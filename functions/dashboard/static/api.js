// Client for the API.

import * as session from "./session.js";

/** Base URL of the API, such as `https://auth.example.com/v1`. It is relative to this module, so it includes the stage. */
export const API_URL = new URL("../../../v1", import.meta.url).href;

/** Just above API Gateway's own timeout of 29 seconds. */
const TIMEOUT_MS = 30_000;

/** A failed request, with a message for the user. */
export class ApiError extends Error {
  /**
   * @param {number} status HTTP status, or 0 if there was no response.
   * @param {string} message
   * @param {string | null} [field] Name of the invalid request field.
   * @param {number} [retryAfter] In seconds.
   */
  constructor(status, message, field = null, retryAfter = 0) {
    super(message);
    this.status = status;
    this.field = field;
    this.retryAfter = retryAfter;
  }
}

/** @typedef {(hadToken: boolean) => Promise<boolean>} SessionEndHandler */

/** @type {SessionEndHandler} */
let handleSessionEnd = async () => false;
/** @type {Promise<boolean> | null} */
let pendingLogin = null;

/**
 * Sets the callback for when the API rejects the session token, or a request has none. It returns true if the same member has logged
 * in again, so that the request can be repeated.
 * @param {SessionEndHandler} handler
 */
export function onSessionEnd(handler) {
  handleSessionEnd = handler;
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
    const token = session.token();
    const headers = { Authorization: `Session ${token}`, ...(idempotencyKey && { "Idempotency-Key": idempotencyKey }) };
    try {
      return await send(method, path, headers, body);
    } catch (error) {
      if (!(error instanceof ApiError && (await canRepeat(error, token)))) throw error;
    }
  }
}

/**
 * Returns true if a rejected request can be sent again, after the user has done what was missing.
 * @param {ApiError} error
 * @param {string | null} token The token that the request was sent with.
 */
async function canRepeat({ status }, token) {
  if (status !== 401) return false;
  // One login is enough for all requests that wait for it.
  if (pendingLogin) return pendingLogin;
  // A 401 for a previous session says nothing about the current one.
  if (token !== session.token()) return false;
  session.clear();
  pendingLogin = handleSessionEnd(token !== null).finally(() => (pendingLogin = null));
  return pendingLogin;
}

/**
 * Sends a request without a credential and returns the response body.
 * @param {"POST"} method
 * @param {string} path
 * @param {object} body
 * @returns {Promise<any>}
 */
export function publicRequest(method, path, body) {
  return send(method, path, {}, body);
}

/** Ends the session on the service. It does not fail if the session has ended already. */
export async function logOut() {
  try {
    await send("POST", "/auth/logout", { Authorization: `Session ${session.token()}` });
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
  if (response.status === 204) return null;
  const content = await response.json().catch(() => null);
  if (response.ok && content) return content;
  throw apiError(response, content?.error ?? {});
}

/**
 * @param {Response} response
 * @param {{ message?: string, field?: string }} error
 */
function apiError({ status, headers }, { message = "The service sent an invalid response.", field }) {
  const retryAfter = Number(headers.get("Retry-After") ?? 0);
  const userMessage = {
    401: "Your session has ended. Log in again to continue.",
    403: message.startsWith("API key") ? "You don’t have permission to do this." : message,
    404: "This item no longer exists.",
    422: "An earlier attempt with different values may have succeeded. Close this dialog and check the list.",
    429: `Too many requests. Try again in ${formatDuration(retryAfter)}.`,
    500: `Something went wrong on our end. Try again, or contact support with request ID ${headers.get("X-Request-Id")}.`,
    503: "The service is temporarily unavailable. Try again in a moment.",
  }[status];
  return new ApiError(status, userMessage ?? message, field ?? null, retryAfter);
}

/** @param {number} seconds */
export function formatDuration(seconds) {
  const minutes = Math.ceil(seconds / 60);
  if (seconds > 90) return `${minutes} minutes`;
  return seconds === 1 ? "1 second" : `${seconds} seconds`;
}
