//! Responses with JSON bodies, and error responses.

use lambda_http::{
    Body,
    http::{HeaderValue, StatusCode, header},
};
use serde::Serialize;
use serde_json::Value;

use crate::error::Error;

pub type Response = lambda_http::Response<Body>;

/// Returns a response with `value` as its JSON body.
///
/// # Panics
/// If `value` cannot be serialized. All types of the API can.
#[must_use]
pub fn json(status: StatusCode, value: &impl Serialize) -> Response {
    json_text(status, serde_json::to_string(value).expect("API types can be serialized"))
}

/// Returns a response with a body that is already JSON.
#[must_use]
pub fn json_text(status: StatusCode, text: impl Into<Body>) -> Response {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Returns a 204 response.
#[must_use]
pub fn no_content() -> Response {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// Returns the response for an error. Its body is formatted, including spaces, exactly like the error responses of API
/// Gateway in the template.
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
    fn error_has_the_exact_body_of_the_api_contract() {
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
            let header = response.headers().get(header::RETRY_AFTER).map(|seconds| seconds.to_str().unwrap());
            assert_eq!(header, retry_after);
            assert_eq!(error.is_server_error(), status >= 500, "{error:?}");
        }
    }
}
