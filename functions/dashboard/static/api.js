// Asks the API, which lies beside the dashboard: whatever the stage or domain is, it is in front of both.

import * as session from "./session.js";

/** Where the API is, such as `https://auth.example.com/v1`. */
export const API = new URL("../../../v1", import.meta.url).href;

/** How long an answer may take, in milliseconds. API Gateway gives up a second before. */
const LIMIT = 30_000;

/** An answer that is no success, in words for whoever looks at the page. */
export class Problem extends Error {
  /**
   * @param {number} status 0, where there was no answer.
   * @param {string} message
   * @param {string | null} [field] The member of the request that is at fault.
   * @param {number} [retryAfter] In seconds.
   */
  constructor(status, message, field = null, retryAfter = 0) {
    super(message);
    this.status = status;
    this.field = field;
    this.retryAfter = retryAfter;
  }
}

/** What happens when the API no longer takes the session. */
let ended = () => {};

/** @param {() => void} then */
export function whenSessionEnds(then) {
  ended = then;
}

/**
 * Sends one request with the session, and gives what is answered.
 *
 * `once` names it, so that it is done once however often it is sent.
 * @param {"GET" | "POST" | "PATCH" | "DELETE"} method
 * @param {string} path
 * @param {object} [body]
 * @param {string} [once]
 * @returns {Promise<any>}
 */
export async function ask(method, path, body, once) {
  const token = session.token();
  try {
    return await send(method, path, { Authorization: `Session ${token}`, ...(once && { "Idempotency-Key": once }) }, body);
  } catch (problem) {
    // An answer to a session that was left says nothing of the one since.
    if (problem instanceof Problem && problem.status === 401 && token !== null && token === session.token()) {
      session.forget();
      ended();
    }
    throw problem;
  }
}

/**
 * Begins a session.
 * @param {string} email
 * @param {string} password
 */
export async function login(email, password) {
  const answer = await send("POST", "/auth/login", {}, { email, password });
  session.begin(answer.session_token);
}

/**
 * All things of a list, page by page as they are wanted.
 * @template Thing
 * @param {string} path
 * @param {Record<string, string>} [parameters]
 * @returns {AsyncGenerator<Thing>}
 */
export async function* things(path, parameters = {}) {
  const query = new URLSearchParams({ ...parameters, limit: "100" });
  for (;;) {
    /** @type {import("../types/contract").Page<Thing>} */
    const page = await ask("GET", `${path}?${query}`);
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
  const request = { method, headers, credentials: "omit", cache: "no-store", referrerPolicy: "no-referrer" };
  if (body) {
    request.headers = { ...headers, "Content-Type": "application/json" };
    request.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(API + path, { ...request, signal: AbortSignal.timeout(LIMIT) });
  } catch {
    throw new Problem(0, "The service can’t be reached. Check your connection, then try again.");
  }
  if (answer.status === 204) return null;
  const content = await answer.json().catch(() => null);
  if (answer.ok && content) return content;
  throw problem(answer, content?.error ?? {});
}

/**
 * @param {Response} answer
 * @param {{ message?: string, field?: string }} error
 */
function problem(answer, { message = "The answer can’t be read.", field }) {
  const { status, headers } = answer;
  const retryAfter = Number(headers.get("Retry-After") ?? 0);
  const words = {
    403: message.startsWith("API key") ? "You don’t have the permission for this, or no longer." : message,
    404: "It is no longer there.",
    422: "This may have been done before you changed it. Close it, and look at the list.",
    429: `Too many requests. Try again in ${duration(retryAfter)}.`,
    500: `Something failed on our side. Try again, or tell us the request: ${headers.get("X-Request-Id")}`,
    503: "The service is busy or down. Try again in a moment.",
  }[status];
  return new Problem(status, words ?? message, field ?? null, retryAfter);
}

/**
 * So many seconds, in words.
 * @param {number} seconds
 */
export function duration(seconds) {
  const minutes = Math.ceil(seconds / 60);
  if (seconds > 90) return `${minutes} minutes`;
  return seconds === 1 ? "1 second" : `${seconds} seconds`;
}
