//! Runs a handler: from Lambda's event to the handler's request, and from its result to the response.

use std::{convert::Infallible, future::Future, sync::Arc};

use lambda_http::{
    Adapter,
    http::{HeaderName, HeaderValue, header},
    lambda_runtime::{LambdaEvent, Service, service_fn},
};

use crate::{
    authorization::{context::MalformedContext, principal::Principal},
    error::Error,
    http::{Event, Request, Response, cors, rate_limit_headers, response, security_headers},
    rate_limit::decision::RateLimitDecision,
    runtime::{app::App, function::Function, invocation::Invocation},
};

/// A function whose route needs no credential.
pub fn public<H, F>(app: Arc<App>, handle: H) -> impl Function<Event>
where
    H: Fn(Arc<App>, Request) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response, Error>> + Send + 'static,
{
    function(Arc::clone(&app), move |_, request| handle(Arc::clone(&app), request))
}

/// A function whose routes stand behind the authorizer. Without a well-formed context from it, the handler
/// does not run: nobody trusts alone.
pub fn authorized<H, F>(app: Arc<App>, handle: H) -> impl Function<Event>
where
    H: Fn(Arc<App>, Principal, Request) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response, Error>> + Send + 'static,
{
    function(Arc::clone(&app), move |principal, request| {
        let handled = principal.map(|principal| handle(Arc::clone(&app), principal, request));
        async { handled.map_err(Error::unauthorized)?.await }
    })
}

fn function<H, F>(app: Arc<App>, handle: H) -> impl Function<Event>
where
    H: Fn(Result<Principal, MalformedContext>, Request) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response, Error>> + Send + 'static,
{
    let adapter = Adapter::from(service_fn(move |request| {
        respond(Arc::clone(&app), handle.clone(), Request::new(request))
    }));
    service_fn(move |event: LambdaEvent<Event>| {
        let mut adapter = adapter.clone();
        async move { adapter.call(LambdaEvent::new(event.payload.0, event.context)).await }
    })
}

/// Handles one request, and sees to what every answer carries.
async fn respond<H, F>(app: Arc<App>, handle: H, request: Request) -> Result<Response, Infallible>
where
    H: Fn(Result<Principal, MalformedContext>, Request) -> F,
    F: Future<Output = Result<Response, Error>>,
{
    let operation = format!("{} {}", request.method(), request.route());
    let mut invocation = Invocation::start(&app, request.id(), operation);
    let (principal, limit) = match request.caller() {
        Ok((principal, limit)) => (Ok(principal), limit),
        Err(malformed) => (Err(malformed), None),
    };
    if let Ok(principal) = &principal {
        invocation = invocation.for_principal(principal.account_id(), principal.id());
    }
    let handled = if let Some(RateLimitDecision::Exceeded(status)) = limit {
        Err(Error::rate_limited(status.resets_in))
    } else {
        invocation.run(handle(principal, request)).await.map_err(Error::unavailable).flatten()
    };
    let (mut response, reason) = match handled {
        Ok(response) => (response, None),
        Err(error) => (response::error(&error), Some(error.reason())),
    };
    invocation.finish_with_status(response.status(), reason.as_deref());
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(invocation.request_id()) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    if let Some(limit) = limit {
        rate_limit_headers::insert(headers, limit.status());
    }
    // An answer is about a credential or stands behind one, and so may lie in no cache, unless its function says
    // that it does neither.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    security_headers::add_common(headers);
    cors::insert(headers, &app.allowed_origin);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use std::future;

    use aws_config::{BehaviorVersion, SdkConfig};
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        http::{StatusCode, json as json_response},
        primitives::{clock::Clock, random::Random},
        runtime::{aws::Aws, config::tests::config},
    };

    /// What a function works with that reads and writes nothing.
    async fn app() -> Arc<App> {
        let aws = SdkConfig::builder().behavior_version(BehaviorVersion::v2026_01_12()).build();
        let app = App::new(config(&[]).unwrap(), Aws::new(&aws, &aws), Clock::system(), Random::system());
        Arc::new(app.await.unwrap())
    }

    /// An event of a REST API.
    fn event(headers: &Value) -> Value {
        let context = json!({
            "httpMethod": "GET", "requestId": "1", "stage": "live", "resourcePath": "/",
            "identity": {"sourceIp": "192.0.2.1"},
        });
        json!({"httpMethod": "GET", "path": "/", "headers": {}, "multiValueHeaders": headers, "requestContext": context})
    }

    /// What comes of an event.
    async fn answer_to(mut function: impl Function<Event>, event: Value) -> Value {
        let mut context = lambda_http::Context::default();
        "3".clone_into(&mut context.request_id);
        let event = LambdaEvent::new(serde_json::from_value(event).unwrap(), context);
        serde_json::to_value(function.call(event).await.unwrap()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_handler_that_does_not_end_is_503() {
        let function = function(app().await, |_, _| future::pending());
        assert_eq!(answer_to(function, event(&json!({}))).await["statusCode"], 503);
    }

    #[tokio::test]
    async fn an_event_of_either_payload_says_its_id_and_where_it_came_from() {
        let function = function(app().await, |_, request| {
            future::ready(Ok(json_response(StatusCode::OK, &[Some(request.id()), request.source_ip()])))
        });
        let one = event(&json!({}));
        let two = json!({"version": "2.0", "rawPath": "/", "headers": {"Host": "no host"}, "requestContext": {
            "requestId": "2", "http": {"method": "GET", "path": "/", "sourceIp": "192.0.2.2"},
        }});
        for (event, seen) in [(one, ["1", "192.0.2.1"]), (two, ["2", "192.0.2.2"])] {
            let of =
                async |event| answer_to(function.clone(), event).await["body"].as_str().unwrap().to_owned();
            assert_eq!(of(event.clone()).await, json!(seen).to_string());
            // Where API Gateway gives it none, it has Lambda's.
            let mut nameless = event;
            nameless["requestContext"].as_object_mut().unwrap().remove("requestId");
            assert_eq!(of(nameless).await, json!(["3", seen[1]]).to_string());
        }
    }

    #[tokio::test]
    async fn headers_that_are_not_read_or_can_not_be_are_left_out() {
        let function = function(app().await, |_, request| {
            future::ready(Ok(json_response(StatusCode::OK, &request.user_agent())))
        });
        for (headers, seen) in [
            (json!({"User-Agent": ["curl"], "Host": ["no host"], "X-Other": ["\u{1}"]}), r#""curl""#),
            (json!({"User-Agent": ["a\u{1}b"]}), "null"),
            (json!({"User-Agent": ["a", "b\n"]}), "null"),
            (json!({"User-Agent": [1]}), "null"),
        ] {
            assert_eq!(answer_to(function.clone(), event(&headers)).await["body"], seen);
        }
    }
}
