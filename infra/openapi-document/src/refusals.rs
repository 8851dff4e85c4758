//! The answers to what is not done, which are the same in all operations.

use serde_json::{Map, Value, json};
use shared::operation::{Credentials, Location, Operation};

/// A refusal: its status, its code, a message, and when it comes.
type Refusal = (u16, &'static str, &'static str, &'static str);

const ALL: [Refusal; 11] = [
    (400, "BAD_REQUEST", "`name` is required", "The body or a parameter is malformed or out of range."),
    (
        401,
        "UNAUTHORIZED",
        "Invalid or missing API key",
        "No credential, or one that is malformed, unknown, expired, revoked or logged out.",
    ),
    (
        403,
        "FORBIDDEN",
        "API key does not have required permissions",
        "A valid credential without the permission, outside its project scope, or of a suspended account.",
    ),
    (404, "NOT_FOUND", "Not found", "No such thing in the caller's account."),
    (
        409,
        "CONFLICT",
        "Another change came first",
        "Lost a race with another change of the same thing, or its state forbids it.",
    ),
    (413, "PAYLOAD_TOO_LARGE", "The request is too large", "The body is larger than 16 KiB."),
    (415, "UNSUPPORTED_MEDIA_TYPE", "The body must be application/json", "The body is not said to be JSON."),
    (
        422,
        "UNPROCESSABLE_CONTENT",
        "The Idempotency-Key was used for another request",
        "The same `Idempotency-Key` came with another request within a day.",
    ),
    (429, "RATE_LIMITED", "Too many requests", "Over the key's limit, or too many failed logins."),
    (500, "INTERNAL", "Internal error", "Our fault."),
    (503, "UNAVAILABLE", "The service is unavailable", "Something that we ask is down."),
];

/// The statuses of the refusals of `operation`.
pub(crate) fn of(operation: &Operation) -> impl Iterator<Item = u16> {
    let takes_a_credential = operation.credentials != Credentials::None;
    let has_a_query = operation.parameters.iter().any(|parameter| parameter.location == Location::Query);
    let statuses = ALL.map(|(status, ..)| status).into_iter();
    statuses.filter(move |status| {
        operation.refusals.contains(status)
            || match status {
                400 => operation.body.is_some() || has_a_query,
                401 | 403 => takes_a_credential,
                404 => operation.id.is_some(),
                415 => operation.body.is_some(),
                429 => operation.credentials == Credentials::KeyOrSession,
                // The gateway takes no larger one, whatever the operation.
                413 | 500 | 503 => true,
                _ => false,
            }
    })
}

/// The schema of their bodies.
pub(crate) fn schema() -> Value {
    json!({
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {
                    "code": {"type": "string", "enum": ALL.map(|(_, code, ..)| code)},
                    "message": {"type": "string", "description": "For people."},
                    "field": {"type": "string", "description": "The member or parameter that is at fault."},
                },
            },
        },
    })
}

/// Each, by its status.
pub(crate) fn responses() -> Map<String, Value> {
    ALL.map(|(status, code, message, description)| {
        let mut headers = vec!["X-Request-Id"];
        if status != 401 {
            headers.extend(["RateLimit-Policy", "RateLimit"]);
        }
        headers.extend(match status {
            401 | 403 => Some("WWW-Authenticate"),
            429 | 503 => Some("Retry-After"),
            _ => None,
        });
        let mut example = json!({"error": {"code": code, "message": message}});
        if status == 400 {
            example["error"]["field"] = json!("name");
        }
        let content = json!({"schema": {"$ref": "#/components/schemas/Error"}, "example": example});
        let response =
            json!({"description": description, "headers": named(&headers), "content": {"application/json": content}});
        (status.to_string(), response)
    })
    .into_iter()
    .collect()
}

/// Headers of answers.
pub(crate) fn headers() -> Value {
    let text = |description: &str| json!({"description": description, "schema": {"type": "string"}});
    json!({
        "X-Request-Id": text("The request, as the log and the audit trail know it."),
        "Retry-After": {
            "description": "After how many seconds it is worth another try.",
            "schema": {"type": "integer", "minimum": 0},
        },
        "RateLimit-Policy": text("The limit of the key that calls: `\"default\";q=100;w=60`."),
        "RateLimit": text("How that stands: `\"default\";r=42;t=18`."),
        "WWW-Authenticate": text("What the gateway asks for (RFC 6750, 3). Functions send none."),
        "Idempotency-Replayed": text("`true` where the answer was given before."),
    })
}

/// References to the headers with these names.
pub(crate) fn named(names: &[&str]) -> Map<String, Value> {
    let reference =
        |name: &&str| ((*name).to_owned(), json!({"$ref": format!("#/components/headers/{name}")}));
    names.iter().map(reference).collect()
}
