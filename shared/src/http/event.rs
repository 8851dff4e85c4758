//! The events that functions receive.

use lambda_http::{
    http::{HeaderName, HeaderValue, header},
    request::LambdaRequest,
};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

use crate::http::idempotency::IDEMPOTENCY_KEY;

/// An event of API Gateway: payload version 1.0, which a REST API sends, or 2.0, which `cargo lambda watch` sends.
pub struct Event(pub(super) LambdaRequest);

/// The request headers that functions read.
const HEADERS: [HeaderName; 4] =
    [header::CONTENT_TYPE, header::USER_AGENT, header::IF_NONE_MATCH, IDEMPOTENCY_KEY];

impl<'de> Deserialize<'de> for Event {
    /// Deserializes an event and removes all headers that functions do not read. `lambda_http` rejects the whole event if one
    /// header value contains a control character, and panics if `Host` is invalid.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut event = Value::deserialize(deserializer)?;
        for field in ["headers", "multiValueHeaders"] {
            if let Some(Value::Object(headers)) = event.get_mut(field) {
                headers.retain(|name, values| is_read(name) && are_header_values(values));
            }
        }
        // `lambda_http` would replace all values of a header with the last one.
        if event["multiValueHeaders"].is_object() {
            event["headers"].take();
        }
        serde_json::from_value(event).map(Self).map_err(D::Error::custom)
    }
}

fn is_read(name: &str) -> bool {
    HEADERS.iter().any(|read| name.eq_ignore_ascii_case(read.as_str()))
}

fn are_header_values(values: &Value) -> bool {
    match values {
        Value::Array(values) => values.iter().all(are_header_values),
        value => value.as_str().is_some_and(|value| HeaderValue::from_str(value).is_ok()),
    }
}
