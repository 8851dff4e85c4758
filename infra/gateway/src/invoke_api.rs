//! The part of Lambda's API that invokes functions, for the SDKs and for `aws lambda invoke`.

use std::{sync::Arc, time::Instant};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::json;
use shared::telemetry::log::TARGET;
use tracing::Instrument;

use crate::{
    invoke::Functions,
    request_log::{self, milliseconds_since},
    web_page_guard::reject_web_pages,
};

/// Lambda's limit for the payload of an invocation, in bytes.
const MAX_PAYLOAD: usize = 6 * 1024 * 1024;

pub(crate) fn router(functions: Arc<Functions>) -> Router {
    Router::new()
        .route("/2015-03-31/functions/{name}/invocations", post(handle))
        .layer(DefaultBodyLimit::max(MAX_PAYLOAD))
        .layer(middleware::from_fn(reject_web_pages))
        .with_state(functions)
}

async fn handle(
    State(functions): State<Arc<Functions>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    payload: Bytes,
) -> Response {
    let started = Instant::now();
    let request_id = functions.new_request_id();
    let name = function_name(&name).to_owned();
    // The name of an unknown function is not logged: it can be any text.
    let logged_name = if functions.contains(&name) { name.clone() } else { "{name}".to_owned() };
    let respond = async {
        let mut response = invoke(functions, request_id.clone(), name, &headers, payload).await;
        let header = HeaderValue::try_from(&request_id).expect("an id contains only ASCII characters");
        response.headers_mut().insert("x-amzn-requestid", header);
        tracing::debug!(
            target: request_log::TARGET,
            method = "POST",
            resource = format!("/2015-03-31/functions/{logged_name}/invocations"),
            status = response.status().as_u16(),
            request_id,
            duration_ms = milliseconds_since(started),
            "request"
        );
        response
    };
    respond.instrument(request_log::span()).await
}

async fn invoke(
    functions: Arc<Functions>,
    request_id: String,
    name: String,
    headers: &HeaderMap,
    payload: Bytes,
) -> Response {
    if !functions.contains(&name) {
        let message = format!("Function not found: {name}");
        return error_response(StatusCode::NOT_FOUND, "ResourceNotFoundException", &message);
    }
    // Lambda treats an empty payload as an empty object.
    let payload = if payload.is_empty() { b"{}".to_vec() } else { payload.to_vec() };
    if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(&payload) {
        let message = format!("Could not parse request body into json: {error}");
        return error_response(StatusCode::BAD_REQUEST, "InvalidRequestContentException", &message);
    }
    match headers.get("x-amz-invocation-type").map(HeaderValue::as_bytes) {
        None | Some(b"RequestResponse") => match functions.invoke_as(request_id, &name, payload).await {
            Ok(result) => ([(header::CONTENT_TYPE, "application/json")], result).into_response(),
            Err(error) => ([("x-amz-function-error", "Unhandled")], axum::Json(error)).into_response(),
        },
        Some(b"Event") => {
            tokio::spawn(async move {
                if let Err(error) = functions.invoke_as(request_id, &name, payload).await {
                    tracing::warn!(target: TARGET, function = name, error_type = error.error_type, "a function failed");
                }
            });
            StatusCode::ACCEPTED.into_response()
        }
        Some(b"DryRun") => StatusCode::NO_CONTENT.into_response(),
        Some(_) => {
            let message = "Unknown invocation type";
            error_response(StatusCode::BAD_REQUEST, "InvalidParameterValueException", message)
        }
    }
}

fn error_response(status: StatusCode, error_type: &'static str, message: &str) -> Response {
    let body = json!({ "Type": "User", "Message": message });
    (status, [("x-amzn-errortype", error_type)], axum::Json(body)).into_response()
}

/// Returns the function name in `name`, which may be an ARN and may end with a version or an alias.
fn function_name(name: &str) -> &str {
    let position = if name.starts_with("arn:") { 6 } else { 0 };
    name.split(':').nth(position).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use axum::{
        body::{Body, to_bytes},
        http::Request,
    };
    use serde_json::Value;
    use tower::ServiceExt;

    use super::*;
    use crate::invoke::tests::functions;

    async fn post(name: &str, headers: &[(&str, &str)], payload: &str) -> (u16, HeaderMap, Value) {
        let mut request = Request::post(format!("/2015-03-31/functions/{name}/invocations"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(payload.to_owned())).unwrap();
        let response = router(Arc::new(functions())).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        (parts.status.as_u16(), parts.headers, serde_json::from_slice(&body).unwrap_or_default())
    }

    const HERE: (&str, &str) = ("host", "127.0.0.1:3000");

    #[tokio::test]
    async fn function_is_found_by_name_and_arn() {
        for name in [
            "echo",
            "echo:$LATEST",
            "arn:aws:lambda:eu-central-1:123456789012:function:echo",
            "arn%3Aaws%3Alambda%3Aeu-central-1%3A123456789012%3Afunction%3Aecho%3Alive",
        ] {
            let (status, headers, body) = post(name, &[HERE], r#"{"a": 1}"#).await;
            assert_eq!((status, body), (200, json!({"a": 1})), "{name}");
            assert!(!headers.contains_key("x-amz-function-error"));
            assert_eq!(headers["x-amzn-requestid"].len(), 36);
        }
    }

    #[tokio::test]
    async fn empty_payload_is_an_empty_object() {
        assert_eq!(post("echo", &[HERE], "").await.2, json!({}));
    }

    #[tokio::test]
    async fn function_error_returns_200_with_the_error_header() {
        let (status, headers, body) = post("fail", &[HERE], "{}").await;
        assert_eq!((status, body), (200, json!({"errorType": "Error", "errorMessage": "Unauthorized"})));
        assert_eq!(headers["x-amz-function-error"], "Unhandled");
    }

    #[tokio::test]
    async fn unknown_function_and_malformed_payload_return_an_error() {
        let (status, headers, body) = post("unknown", &[HERE], "{}").await;
        let message = json!({"Type": "User", "Message": "Function not found: unknown"});
        assert_eq!((status, body), (404, message));
        assert_eq!(headers["x-amzn-errortype"], "ResourceNotFoundException");

        let (status, headers, _) = post("echo", &[HERE], "{").await;
        assert_eq!(status, 400);
        assert_eq!(headers["x-amzn-errortype"], "InvalidRequestContentException");
    }

    #[tokio::test]
    async fn invocation_type_determines_the_status() {
        let status = async |kind| post("echo", &[HERE, ("x-amz-invocation-type", kind)], "{}").await.0;
        assert_eq!(status("RequestResponse").await, 200);
        assert_eq!(status("Event").await, 202);
        assert_eq!(status("DryRun").await, 204);
        assert_eq!(status("Dance").await, 400);
    }

    #[tokio::test]
    async fn requests_from_web_pages_are_rejected() {
        assert_eq!(post("echo", &[HERE, ("origin", "http://127.0.0.1:3000")], "{}").await.0, 403);
        assert_eq!(post("echo", &[("host", "rebound.example:3000")], "{}").await.0, 403);
        assert_eq!(post("echo", &[HERE, ("sec-fetch-site", "cross-site")], "{}").await.0, 403);
        assert_eq!(post("echo", &[], "{}").await.0, 403);
    }
}
