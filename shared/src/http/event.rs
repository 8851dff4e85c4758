//! The events that a function reads.

use lambda_http::{
    http::{HeaderName, HeaderValue, header},
    request::LambdaRequest,
};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

use crate::http::idempotency::IDEMPOTENCY_KEY;

/// An event of API Gateway: payload 1 of a REST API, or payload 2, as `cargo lambda watch` sends it.
pub struct Event(pub(super) LambdaRequest);

/// The headers that we read.
const HEADERS: [HeaderName; 3] = [header::CONTENT_TYPE, header::USER_AGENT, IDEMPOTENCY_KEY];

impl<'de> Deserialize<'de> for Event {
    /// Reads an event without the headers that we don't read: `lambda_http` refuses a whole event for a
    /// header value with a control character, and panics at a `Host` that is none.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut event = Value::deserialize(deserializer)?;
        for member in ["headers", "multiValueHeaders"] {
            if let Some(Value::Object(headers)) = event.get_mut(member) {
                headers.retain(|name, values| is_read(name) && are_header_values(values));
            }
        }
        // `lambda_http` would put the last value of each header in the place of all of them.
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
