//! Responses: JSON bodies, and errors in the contract's form.

use lambda_http::{
    Body,
    http::{HeaderValue, StatusCode, header},
};
use serde::Serialize;
use serde_json::Value;

use crate::error::Error;

pub type Response = lambda_http::Response<Body>;

/// A response with `value` as its JSON body.
///
/// # Panics
/// Never for our own types: all of them can be written as JSON.
#[must_use]
pub fn json(status: StatusCode, value: &impl Serialize) -> Response {
    json_text(status, serde_json::to_string(value).expect("our types can be written as JSON"))
}

/// A response whose body is the JSON `text`.
#[must_use]
pub fn json_text(status: StatusCode, text: impl Into<Body>) -> Response {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// 204 without a body.
#[must_use]
pub fn no_content() -> Response {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// The response for an error. Its body has the contract's exact bytes, spaces included, because API Gateway's own error
/// responses have them too.
#[must_use]
pub fn error(error: &Error) -> Response {
    let field = error.field().map(|field| format!(r#", "field": {}"#, Value::from(field)));
    let body = format!(
        r#"{{"error": {{"code": "{}", "message": {}{}}}}}"#,
        error.code(),
        Value::from(error.message()),
        field.unwrap_or_default()
    );
    let mut response = json_text(error.status(), body);
    if let Some(seconds) = error.retry_after() {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_has_the_bytes_of_the_contract() {
        for (error, status, body, retry_after) in [
            (
                Error::bad_field("name", "is required"),
                400,
                r#"{"error": {"code": "BAD_REQUEST", "message": "`name` is required", "field": "name"}}"#,
                None,
            ),
            (
                Error::unauthorized("a cause"),
                401,
                r#"{"error": {"code": "UNAUTHORIZED", "message": "Invalid or missing API key"}}"#,
                None,
            ),
            (
                Error::rate_limited(18),
                429,
                r#"{"error": {"code": "RATE_LIMITED", "message": "Too many requests"}}"#,
                Some("18"),
            ),
            (
                Error::internal("a cause"),
                500,
                r#"{"error": {"code": "INTERNAL", "message": "Internal error"}}"#,
                None,
            ),
            (
                Error::unavailable("a cause"),
                503,
                r#"{"error": {"code": "UNAVAILABLE", "message": "The service is unavailable"}}"#,
                Some("1"),
            ),
        ] {
            let response = super::error(&error);
            assert_eq!(response.status(), status);
            assert_eq!(std::str::from_utf8(response.body()).unwrap(), body);
            let told = response.headers().get(header::RETRY_AFTER).map(|seconds| seconds.to_str().unwrap());
            assert_eq!(told, retry_after);
            assert_eq!(error.is_fault(), status >= 500, "{error:?}");
        }
    }
}
