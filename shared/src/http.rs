//! From Lambda's event to a handler and back: the one way in which a function that answers HTTP runs.

mod request;

use std::{convert::Infallible, future::Future, sync::Arc, time::Instant};

use lambda_http::{
    Adapter, Body,
    http::{HeaderName, HeaderValue, header},
    lambda_runtime::{LambdaEvent, Service, service_fn},
    request::LambdaRequest,
};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value;
use tracing::{error, info};

pub use lambda_http::http::StatusCode;

pub use self::request::Request;
use crate::{app::App, error::Error, function::Function, principal::Principal, telemetry};

/// An answer.
pub type Response = lambda_http::Response<Body>;

/// An answer with `value` as JSON.
///
/// # Panics
/// Never for our own types: all of them can be written as JSON.
#[must_use]
pub fn json(status: StatusCode, value: &impl Serialize) -> Response {
    json_text(status, serde_json::to_string(value).expect("our answers can be written as JSON"))
}

/// An answer with a text that is JSON.
pub(crate) fn json_text(status: StatusCode, text: String) -> Response {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// 204.
#[must_use]
pub fn no_content() -> Response {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// A function whose route needs no credential.
pub fn public<H, F>(app: Arc<App>, handle: H) -> impl Function<Event>
where
    H: Fn(Arc<App>, Request) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response, Error>> + Send + 'static,
{
    function(move |request| handle(Arc::clone(&app), request))
}

/// A function whose routes stand behind the authorizer. Without a well-formed context from it, the handler
/// does not run: nobody trusts alone.
pub fn authorized<H, F>(app: Arc<App>, handle: H) -> impl Function<Event>
where
    H: Fn(Arc<App>, Principal, Request) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response, Error>> + Send + 'static,
{
    function(move |request: Request| {
        let handled = request.principal().map(|principal| handle(Arc::clone(&app), principal, request));
        async move {
            match handled {
                Ok(answer) => answer.await,
                Err(_) => Err(Error::unauthorized()),
            }
        }
    })
}

fn function<H, F>(handle: H) -> impl Function<Event>
where
    H: Fn(Request) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response, Error>> + Send + 'static,
{
    let adapter = Adapter::from(service_fn(move |request| answer(handle.clone(), Request::new(request))));
    service_fn(move |event: LambdaEvent<Event>| {
        let mut adapter = adapter.clone();
        async move { adapter.call(LambdaEvent::new(event.payload.0, event.context)).await }
    })
}

/// Handles one request: what every answer carries, and the one line of log that each request leaves.
async fn answer<H, F>(handle: H, request: Request) -> Result<Response, Infallible>
where
    H: Fn(Request) -> F,
    F: Future<Output = Result<Response, Error>>,
{
    let started = Instant::now();
    let request_id = request.id().to_owned();
    let operation = request.operation();
    let principal = request.principal().ok();
    let (mut response, error) = match handle(request).await {
        Ok(response) => (response, None),
        Err(error) => (error.to_response(), Some(error)),
    };
    let reason = error.as_ref().map(Error::reason);
    if error.is_some_and(|error| error.is_fault()) {
        error!(target: telemetry::TARGET, request_id, reason, "failed");
    }
    info!(
        target: telemetry::TARGET,
        request_id,
        operation,
        account_id = principal.as_ref().map(|principal| principal.account_id().to_string()),
        principal_id = principal.as_ref().map(Principal::id),
        status = response.status().as_u16(),
        reason,
        microseconds = started.elapsed().as_micros(),
        "answered"
    );
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    // Every answer is about a credential or stands behind one: none may lie in a cache.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// An event of API Gateway: payload 1 of a REST API, or payload 2, as `cargo lambda watch` sends it.
pub struct Event(LambdaRequest);

/// The event's members that hold headers.
const HEADERS: [&str; 2] = ["headers", "multiValueHeaders"];

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut event = Value::deserialize(deserializer)?;
        for headers in HEADERS {
            if let Some(Value::Object(headers)) = event.get_mut(headers) {
                // lambda_http refuses an event with a header value outside of ASCII, and with it the whole
                // request, with a 500. No header that we read is any other than ASCII.
                headers.retain(|_, value| match value {
                    Value::Array(values) => {
                        values.retain(|value| value.as_str().is_some_and(is_visible));
                        true
                    }
                    value => value.as_str().is_some_and(is_visible),
                });
            }
        }
        serde_json::from_value(event).map(Self).map_err(D::Error::custom)
    }
}

fn is_visible(value: &str) -> bool {
    HeaderValue::from_str(value).is_ok()
}
