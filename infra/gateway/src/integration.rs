//! Converts the result of a function into an HTTP response, as a Lambda proxy integration does.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde::Deserialize;
use serde_json::Value;

use crate::{headers::response_header_name, scalar};

// `isBase64Encoded` is ignored: API Gateway decodes bodies only for binary media types, and the API declares none.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FunctionResponse {
    status_code: u16,
    headers: Option<BTreeMap<String, Value>>,
    multi_value_headers: Option<BTreeMap<String, Vec<Value>>>,
    body: Option<String>,
}

/// Returns `None` if `result` is not a valid response.
pub(crate) fn to_response(result: &[u8]) -> Option<Response<Vec<u8>>> {
    let result: FunctionResponse = serde_json::from_slice(result).ok()?;
    let mut headers = HeaderMap::new();
    for (name, value) in result.headers.unwrap_or_default() {
        set(&mut headers, &name, &[value])?;
    }
    // `multiValueHeaders` takes precedence over `headers`.
    for (name, values) in result.multi_value_headers.unwrap_or_default() {
        set(&mut headers, &name, &values)?;
    }
    let json = HeaderValue::from_static("application/json");
    headers.entry(header::CONTENT_TYPE).or_insert(json);

    let mut response = Response::new(result.body.unwrap_or_default().into_bytes());
    *response.status_mut() = StatusCode::from_u16(result.status_code).ok()?;
    *response.headers_mut() = headers;
    Some(response)
}

/// Replaces all values of the header `name`. The case of `name` is ignored.
fn set(headers: &mut HeaderMap, name: &str, values: &[Value]) -> Option<()> {
    let name = HeaderName::try_from(name).ok()?;
    let values = values.iter().map(|value| HeaderValue::try_from(scalar::text(value)?).ok());
    let values = values.collect::<Option<Vec<_>>>()?;
    if let Some(name) = response_header_name(name) {
        headers.remove(&name);
        for value in values {
            headers.append(&name, value);
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn response(result: &Value) -> Option<Response<Vec<u8>>> {
        to_response(result.to_string().as_bytes())
    }

    #[test]
    fn status_headers_and_body_are_converted() {
        let response = response(&json!({
            "statusCode": 201,
            "headers": {"X-One": "1", "x-one": "2", "Set-Cookie": "ignored", "X-Number": 5, "WWW-Authenticate": "Bearer"},
            "multiValueHeaders": {"set-cookie": ["a", "b"]},
            "body": "x",
            "isBase64Encoded": false,
        }))
        .unwrap();
        let headers = response.headers();
        assert_eq!(response.status(), 201);
        let all = |name| headers.get_all(name).iter().collect::<Vec<_>>();
        assert_eq!(all("x-one"), ["2"]);
        assert_eq!(all("x-number"), ["5"]);
        assert_eq!(all("set-cookie"), ["a", "b"]);
        assert_eq!(headers["x-amzn-remapped-www-authenticate"], "Bearer");
        assert!(!headers.contains_key("www-authenticate"));
        assert_eq!(headers["content-type"], "application/json");
    }

    #[test]
    fn status_alone_is_a_valid_response() {
        let response =
            response(&json!({"statusCode": 204, "headers": null, "multiValueHeaders": null})).unwrap();
        assert_eq!(response.status(), 204);
    }

    #[test]
    fn invalid_results_return_none() {
        for result in [
            json!(null),
            json!("text"),
            json!({}),
            json!({"statusCode": "abc"}),
            json!({"statusCode": 99}),
            json!({"statusCode": 200, "body": {"not": "a string"}}),
            json!({"statusCode": 200, "headers": {"x": null}}),
            json!({"statusCode": 200, "headers": {"x y": "v"}}),
            json!({"statusCode": 200, "headers": {"x": "line\nbreak"}}),
            json!({"statusCode": 200, "headers": []}),
        ] {
            assert!(response(&result).is_none(), "{result}");
        }
    }
}
