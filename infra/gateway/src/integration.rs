//! What a function's answer becomes for the caller.

use std::collections::BTreeMap;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header},
};
use serde::Deserialize;
use serde_json::Value;

use crate::{headers::name_in_answer, scalar};

// `isBase64Encoded` is left aside: only for binary media types, of which the API has none, is a body decoded.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    headers: Option<BTreeMap<String, Value>>,
    multi_value_headers: Option<BTreeMap<String, Vec<Value>>>,
    body: Option<String>,
}

/// The response that `answer` describes, if it describes one.
pub(crate) fn response(answer: &[u8]) -> Option<Response<Body>> {
    let answer: Answer = serde_json::from_slice(answer).ok()?;
    let mut headers = HeaderMap::new();
    for (name, value) in answer.headers.unwrap_or_default() {
        set(&mut headers, &name, &[value])?;
    }
    // Of a header in both, the list counts.
    for (name, values) in answer.multi_value_headers.unwrap_or_default() {
        set(&mut headers, &name, &values)?;
    }
    let json = HeaderValue::from_static("application/json");
    headers.entry(header::CONTENT_TYPE).or_insert(json);

    let mut response = Response::new(Body::from(answer.body.unwrap_or_default()));
    *response.status_mut() = StatusCode::from_u16(answer.status_code).ok()?;
    *response.headers_mut() = headers;
    Some(response)
}

/// Gives the header `name`, whatever its case, these values and no others.
fn set(headers: &mut HeaderMap, name: &str, values: &[Value]) -> Option<()> {
    let name = HeaderName::try_from(name).ok()?;
    let values = values.iter().map(|value| HeaderValue::try_from(scalar::text(value)?).ok());
    let values = values.collect::<Option<Vec<_>>>()?;
    if let Some(name) = name_in_answer(name) {
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

    fn respond(answer: &Value) -> Option<Response<Body>> {
        response(answer.to_string().as_bytes())
    }

    #[test]
    fn status_headers_and_body() {
        let response = respond(&json!({
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
    fn a_status_is_enough() {
        let response =
            respond(&json!({"statusCode": 204, "headers": null, "multiValueHeaders": null})).unwrap();
        assert_eq!(response.status(), 204);
    }

    #[test]
    fn what_describes_no_response_is_none() {
        for answer in [
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
            assert!(respond(&answer).is_none(), "{answer}");
        }
    }
}
