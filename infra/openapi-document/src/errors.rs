//! Error responses and response headers, which all operations share.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use shared::{
    authorization::{
        denial::{Forbidden, Unauthenticated},
        step_up::StepUpRequired,
    },
    error::Error,
    http::{
        header,
        openapi::{Credentials, Operation},
        response,
    },
    store::StoreError,
};

use crate::accepts_idempotency_key;

/// An example of each error, and when it is returned. Errors with the same status follow each other.
fn all() -> [(Error, &'static str); 13] {
    const CAUSE: &str = "an example";
    [
        (
            Error::bad_field("name", "is required"),
            "The body or a parameter is malformed or out of range, or a field or query parameter is unknown or repeated.",
        ),
        (
            Error::unauthorized(Unauthenticated::Unknown),
            "The credential is missing, malformed, unknown, expired, revoked, disabled or idle, or the session has ended.",
        ),
        (
            Error::forbidden(Forbidden::ExceedsCaller),
            "The credential is valid, but it lacks the required permission, the project is outside its scope, the request comes from an address that is not allowed, or the account is suspended.",
        ),
        (
            StepUpRequired::Reauthentication.into(),
            "`REAUTHENTICATION_REQUIRED`: the last authentication of the session is too long ago. Authenticate again, and repeat the request.",
        ),
        (
            StepUpRequired::SecondFactor.into(),
            "`SECOND_FACTOR_REQUIRED`: the account requires a second factor, and the session has none. Add a passkey first.",
        ),
        (Error::not_found(), "The caller's account has no such resource."),
        (
            StoreError::Conflict.into(),
            "A concurrent request changed the same resource first, or the state of the resource doesn't allow the request.",
        ),
        (Error::payload_too_large(), "The body is larger than 16 KiB."),
        (Error::unsupported_media_type(), "The `Content-Type` of the request is not `application/json`."),
        (
            Error::idempotency_key_reused(),
            "The `Idempotency-Key` was used for a different request within the last 24 hours.",
        ),
        (
            Error::rate_limited(1),
            "The API key exceeded its rate limit, or the service received too many requests.",
        ),
        (Error::internal(CAUSE), "An unexpected error occurred in the service."),
        (Error::unavailable(CAUSE), "The service is temporarily unavailable."),
    ]
}

fn body(error: &Error) -> Value {
    serde_json::from_slice(response::error(error).body()).expect("the body of an error is JSON")
}

/// The errors of each status.
fn by_status() -> BTreeMap<u16, Vec<(Error, &'static str)>> {
    let mut by_status: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (error, description) in all() {
        by_status.entry(error.status().as_u16()).or_default().push((error, description));
    }
    by_status
}

/// The statuses of the errors that `operation` can return.
pub(crate) fn statuses(operation: &Operation) -> impl Iterator<Item = u16> {
    let requires_credential = operation.credentials != Credentials::None;
    by_status().into_keys().filter(move |status| {
        operation.errors.iter().any(|(specific, _)| specific == status)
            || match status {
                401 | 403 => requires_credential,
                404 => operation.id.is_some(),
                415 => operation.body.is_some(),
                422 => accepts_idempotency_key(operation),
                // Every operation can return these: 400, because it rejects unknown query parameters.
                400 | 413 | 429 | 500 | 503 => true,
                _ => false,
            }
    })
}

/// The schema of the body of an error.
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
                    "message": {"type": "string", "description": "An explanation for developers. The text may change, so programs should only evaluate `code`."},
                    "field": {"type": "string", "description": "The name of the invalid field, parameter or header. Missing if the error is not about one of them."},
                },
            },
        },
    })
}

/// The response of each error, by status.
pub(crate) fn responses() -> Map<String, Value> {
    let responses = by_status().into_iter().map(|(status, errors)| {
        let mut headers = vec!["X-Request-Id"];
        if status != 401 {
            headers.extend(["RateLimit-Policy", "RateLimit", "Deprecation", "Sunset"]);
        }
        if status == 401 || status == 403 {
            headers.push("WWW-Authenticate");
        }
        if errors.iter().any(|(error, _)| response::error(error).headers().contains_key(header::RETRY_AFTER))
        {
            headers.push("Retry-After");
        }
        let description = errors.iter().map(|(_, description)| *description).collect::<Vec<_>>().join(" ");
        let mut content = json!({"schema": {"$ref": "#/components/schemas/Error"}});
        if let [(error, _)] = &errors[..] {
            content["example"] = body(error);
        } else {
            let example = |(error, _): &(Error, _)| (error.code().to_owned(), json!({"value": body(error)}));
            content["examples"] = errors.iter().map(example).collect();
        }
        let response = json!({
            "description": description,
            "headers": header_references(&headers),
            "content": {"application/json": content},
        });
        (status.to_string(), response)
    });
    responses.collect()
}

/// The response headers that operations can refer to.
pub(crate) fn headers() -> Value {
    let text = |description: &str| json!({"description": description, "schema": {"type": "string"}});
    json!({
        "X-Request-Id": text("The id of the request, on every response. It also appears in the logs and in the audit trail."),
        "Retry-After": {
            "description": "How many seconds to wait before the request is sent again.",
            "schema": {"type": "integer", "minimum": 0},
        },
        "RateLimit-Policy": text("The rate limit of the API key, if the request counted against it. For example, `\"default\";q=100;w=60` allows 100 requests in 60 seconds."),
        "RateLimit": text("What remains of the rate limit of the API key, if the request counted against it. For example, `\"default\";r=42;t=18` means that 42 requests remain and that the limit resets in 18 seconds."),
        "Deprecation": text("When a rotation replaced the secret that the request was sent with (RFC 9745), if it is the previous secret of an API key. For example, `@1688169599`, in seconds since 1970. Missing if the time was not recorded."),
        "Sunset": text("When the secret that the request was sent with ends (RFC 8594), if it is the previous secret of an API key. For example, `Sun, 30 Jun 2024 23:59:59 GMT`."),
        "WWW-Authenticate": text("The accepted kind of credential (RFC 6750, section 3), if the request was rejected before it reached the operation."),
        "ETag": text("The version of the content. Send it as `If-None-Match` to get the content only if it has changed."),
        "Idempotency-Replayed": text("`true` if this response repeats the response to an earlier request with the same `Idempotency-Key`."),
    })
}

/// References to the headers with these names.
pub(crate) fn header_references(names: &[&str]) -> Map<String, Value> {
    let reference =
        |name: &&str| ((*name).to_owned(), json!({"$ref": format!("#/components/headers/{name}")}));
    names.iter().map(reference).collect()
}
