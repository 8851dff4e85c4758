//! The events that functions receive.

use lambda_http::{
    http::{HeaderName, HeaderValue, header, uri::PathAndQuery},
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

/// The longest request line that API Gateway accepts, in bytes:
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>.
const LONGEST_REQUEST_LINE: usize = 10_240;

impl<'de> Deserialize<'de> for Event {
    /// Deserializes an event and removes what functions do not read. `lambda_http` rejects the whole event if one header value
    /// contains a control character, and panics if it cannot build a URI from the host, stage, path and query.
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
        if let Some(Value::Object(context)) = event.get_mut("requestContext") {
            context.retain(|field, _| field != "domainName" && field != "stage");
        }
        let request = serde_json::from_value(event).map_err(D::Error::custom)?;
        if has_uri(&request) {
            Ok(Self(request))
        } else {
            Err(D::Error::custom("the path or the query is invalid"))
        }
    }
}

/// Returns true if the path and the query of a request without a host and a stage are a URI.
fn has_uri(request: &LambdaRequest) -> bool {
    let (path, query) = match request {
        LambdaRequest::ApiGatewayV1(request) => {
            let query = if request.multi_value_query_string_parameters.is_empty() {
                &request.query_string_parameters
            } else {
                &request.multi_value_query_string_parameters
            };
            (request.path.as_deref(), query.to_query_string())
        }
        LambdaRequest::ApiGatewayV2(request) => {
            (request.raw_path.as_deref(), request.raw_query_string.clone().unwrap_or_default())
        }
        _ => return false,
    };
    // `lambda_http` percent-encodes the path, which makes it up to three times as long.
    path.is_some_and(|path| path.starts_with('/') && path.len() <= LONGEST_REQUEST_LINE)
        && query.len() <= 3 * LONGEST_REQUEST_LINE
        && PathAndQuery::try_from(format!("/?{query}")).is_ok()
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

#[cfg(test)]
mod tests {
    use lambda_http::http::Request;
    use serde_json::json;

    use super::*;

    fn event(path: &str, query: &str) -> Result<Event, serde_json::Error> {
        let context = json!({"httpMethod": "GET", "domainName": "api.example.com", "stage": "live"});
        serde_json::from_value(json!({
            "httpMethod": "GET", "path": path, "headers": {"Host": "api.example.com"}, "requestContext": context,
            "multiValueHeaders": {"Host": ["api.example.com"]}, "multiValueQueryStringParameters": {"name": [query]},
        }))
    }

    #[test]
    fn request_has_a_path_and_a_query_but_no_host_and_no_stage() {
        let request = Request::from(event("/v1/a b", "c&d").unwrap().0);
        assert_eq!(request.uri(), "/v1/a%20b?name=c%26d");
    }

    #[test]
    fn invalid_path_or_query_is_an_error() {
        let longest = "/".repeat(LONGEST_REQUEST_LINE);
        event(&longest, &longest[5..]).unwrap();
        for (path, query) in
            [("v1", ""), ("", ""), (&*format!("{longest}/"), ""), ("/", &*format!("{longest}/"))]
        {
            event(path, query).err().expect("an error");
        }
    }
}
