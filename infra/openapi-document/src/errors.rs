//! The answers to what is not done, which are the same in all operations.
use serde_json::{Map, Value, json};
use shared::{
    authorization::denial::{Forbidden, Unauthenticated},
    error::Error,
    http::{
        header,
        openapi::{Credentials, Location, Operation},
        response,
    },
};

/// All refusals, each with when it comes.
fn all() -> [(Error, &'static str); 11] {
    const NO_CAUSE: &str = "an example";
    [
        (Error::bad_field("name", "is required"), "The body or a parameter is malformed or out of range."),
        (
            Error::unauthorized(Unauthenticated::Unknown),
            "No credential, or one that is malformed, unknown, expired, revoked or logged out.",
        ),
        (
            Error::forbidden(Forbidden::ExceedsCaller),
            "A valid credential without the permission, outside its project scope, or of a suspended account.",
        ),
        (Error::not_found(), "No such thing in the caller's account."),
        (
            Error::conflict("Another change came first"),
            "Lost a race with another change of the same thing, or its state forbids it.",
        ),
        (Error::payload_too_large(), "The body is larger than 16 KiB."),
        (Error::unsupported_media_type(), "The body is not said to be JSON."),
        (
            Error::idempotency_key_reused(),
            "The same `Idempotency-Key` came with another request within a day.",
        ),
        (Error::rate_limited(1), "The key is over its limit of requests, or the service is over its own."),
        (Error::internal(NO_CAUSE), "Our fault."),
        (Error::unavailable(NO_CAUSE), "Something that we ask is down."),
    ]
}

/// The body that tells a caller.
fn body(error: &Error) -> Value {
    serde_json::from_slice(response::error(error).body()).expect("a refusal is JSON")
}

/// The statuses of the refusals of `operation`.
pub(crate) fn of(operation: &Operation) -> impl Iterator<Item = u16> {
    let takes_a_credential = operation.credentials != Credentials::None;
    let has_a_query = operation.parameters.iter().any(|parameter| parameter.location == Location::Query);
    let statuses = all().map(|(error, _)| error.status().as_u16()).into_iter();
    statuses.filter(move |status| {
        operation.errors.iter().any(|(own, _)| own == status)
            || match status {
                400 => operation.body.is_some() || has_a_query,
                401 | 403 => takes_a_credential,
                404 => operation.id.is_some(),
                415 => operation.body.is_some(),
                // The gateway takes no larger one, and no more than so many at once, whatever the operation.
                413 | 429 | 500 | 503 => true,
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
                    "code": {"type": "string", "enum": all().map(|(error, _)| body(&error)["error"]["code"].take())},
                    "message": {"type": "string", "description": "For people."},
                    "field": {"type": "string", "description": "The member or parameter that is at fault."},
                },
            },
        },
    })
}

/// Each, by its status.
pub(crate) fn responses() -> Map<String, Value> {
    all().map(|(error, description)| {
        let status = error.status().as_u16();
        let mut headers = vec!["X-Request-Id"];
        if status != 401 {
            headers.extend(["RateLimit-Policy", "RateLimit"]);
        }
        if status == 401 || status == 403 {
            headers.push("WWW-Authenticate");
        }
        if response::error(&error).headers().contains_key(header::RETRY_AFTER) {
            headers.push("Retry-After");
        }
        let content = json!({"schema": {"$ref": "#/components/schemas/Error"}, "example": body(&error)});
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
        "X-Request-Id": text("On every answer: the request, as the log and the audit trail know it."),
        "Retry-After": {
            "description": "After how many seconds the request is worth another try.",
            "schema": {"type": "integer", "minimum": 0},
        },
        "RateLimit-Policy": text("Where the request was counted against its key's limit: that limit, such as `\"default\";q=100;w=60` for 100 requests in 60 seconds."),
        "RateLimit": text("Where the request was counted against its key's limit: how that stands, such as `\"default\";r=42;t=18` for 42 requests that are left, and 18 seconds until there are all again."),
        "WWW-Authenticate": text("Which credential is asked for (RFC 6750, 3), where the answer comes before the operation is looked at."),
        "Idempotency-Replayed": text("`true` where this is the answer that the same request was given before."),
    })
}

/// References to the headers with these names.
pub(crate) fn named(names: &[&str]) -> Map<String, Value> {
    let reference =
        |name: &&str| ((*name).to_owned(), json!({"$ref": format!("#/components/headers/{name}")}));
    names.iter().map(reference).collect()
}
