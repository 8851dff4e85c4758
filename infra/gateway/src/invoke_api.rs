//! Lambda's own API, as far as it invokes functions: what `aws lambda invoke` and the SDKs speak.

use std::sync::Arc;

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

use crate::{invoke::Functions, loopback::refuse_web_pages};

/// Lambda takes no larger payload.
const LARGEST_PAYLOAD: usize = 6 * 1024 * 1024;

/// The API, for a server on `port`.
pub(crate) fn router(functions: Arc<Functions>, port: u16) -> Router {
    Router::new()
        .route("/2015-03-31/functions/{name}/invocations", post(invoke))
        .layer(DefaultBodyLimit::max(LARGEST_PAYLOAD))
        .layer(middleware::from_fn_with_state(port, refuse_web_pages))
        .with_state(functions)
}

async fn invoke(
    State(functions): State<Arc<Functions>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    payload: Bytes,
) -> Response {
    let name = function_name(&name).to_owned();
    if !functions.contains(&name) {
        let message = format!("Function not found: {name}");
        return refusal(StatusCode::NOT_FOUND, "ResourceNotFoundException", &message);
    }
    // A call without a payload is one with an empty object.
    let payload = if payload.is_empty() { b"{}".to_vec() } else { payload.to_vec() };
    if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(&payload) {
        let message = format!("Could not parse request body into json: {error}");
        return refusal(StatusCode::BAD_REQUEST, "InvalidRequestContentException", &message);
    }
    match headers.get("x-amz-invocation-type").map(HeaderValue::as_bytes) {
        None | Some(b"RequestResponse") => match functions.invoke(&name, payload).await {
            Ok(answer) => ([(header::CONTENT_TYPE, "application/json")], answer).into_response(),
            Err(error) => ([("x-amz-function-error", "Unhandled")], axum::Json(error)).into_response(),
        },
        Some(b"Event") => {
            tokio::spawn(async move {
                if let Err(error) = functions.invoke(&name, payload).await {
                    tracing::warn!(target: TARGET, function = name, error_type = error.error_type, "a function failed");
                }
            });
            StatusCode::ACCEPTED.into_response()
        }
        Some(b"DryRun") => StatusCode::NO_CONTENT.into_response(),
        Some(_) => {
            refusal(StatusCode::BAD_REQUEST, "InvalidParameterValueException", "Unknown invocation type")
        }
    }
}

fn refusal(status: StatusCode, error_type: &'static str, message: &str) -> Response {
    let body = json!({ "Type": "User", "Message": message });
    (status, [("x-amzn-errortype", error_type)], axum::Json(body)).into_response()
}

/// The bare name in `name`, which may be an ARN, and end with a version or an alias.
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
        let response = router(Arc::new(functions()), 3000).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        (parts.status.as_u16(), parts.headers, serde_json::from_slice(&body).unwrap_or_default())
    }

    const HERE: (&str, &str) = ("host", "127.0.0.1:3000");

    #[tokio::test]
    async fn a_function_answers_under_each_of_its_names() {
        for name in [
            "echo",
            "echo:$LATEST",
            "arn:aws:lambda:eu-central-1:123456789012:function:echo",
            "arn%3Aaws%3Alambda%3Aeu-central-1%3A123456789012%3Afunction%3Aecho%3Alive",
        ] {
            let (status, headers, answer) = post(name, &[HERE], r#"{"a": 1}"#).await;
            assert_eq!((status, answer), (200, json!({"a": 1})), "{name}");
            assert!(!headers.contains_key("x-amz-function-error"));
        }
    }

    #[tokio::test]
    async fn no_payload_is_an_empty_object() {
        assert_eq!(post("echo", &[HERE], "").await.2, json!({}));
    }

    #[tokio::test]
    async fn an_error_of_the_function_is_an_answer_all_the_same() {
        let (status, headers, answer) = post("fail", &[HERE], "{}").await;
        assert_eq!((status, answer), (200, json!({"errorType": "Error", "errorMessage": "Unauthorized"})));
        assert_eq!(headers["x-amz-function-error"], "Unhandled");
    }

    #[tokio::test]
    async fn what_cannot_be_invoked_is_refused() {
        let (status, headers, answer) = post("nobody", &[HERE], "{}").await;
        let message = json!({"Type": "User", "Message": "Function not found: nobody"});
        assert_eq!((status, answer), (404, message));
        assert_eq!(headers["x-amzn-errortype"], "ResourceNotFoundException");

        let (status, headers, _) = post("echo", &[HERE], "{").await;
        assert_eq!(status, 400);
        assert_eq!(headers["x-amzn-errortype"], "InvalidRequestContentException");
    }

    #[tokio::test]
    async fn invocation_types() {
        let kind = async |kind| post("echo", &[HERE, ("x-amz-invocation-type", kind)], "{}").await.0;
        assert_eq!(kind("RequestResponse").await, 200);
        assert_eq!(kind("Event").await, 202);
        assert_eq!(kind("DryRun").await, 204);
        assert_eq!(kind("Dance").await, 400);
    }

    #[tokio::test]
    async fn web_pages_are_refused() {
        assert_eq!(post("echo", &[HERE, ("origin", "http://127.0.0.1:3000")], "{}").await.0, 403);
        assert_eq!(post("echo", &[("host", "rebound.example:3000")], "{}").await.0, 403);
        assert_eq!(post("echo", &[], "{}").await.0, 403);
    }
}
