//! Runs a handler: converts Lambda's event to a request, and the handler's result to a response.

use std::{convert::Infallible, future::Future, sync::Arc};

use lambda_http::{
    Adapter, Body,
    http::{HeaderName, HeaderValue, header},
    lambda_runtime::{LambdaEvent, Service, service_fn},
};

use crate::{
    authorization::{context::MalformedContext, principal::Principal, step_up},
    error::Error,
    http::{
        Event, Request, Response, cors, deprecation_headers, openapi::Operation, rate_limit_headers,
        redirect, response, security_headers,
    },
    rate_limit::decision::RateLimitDecision,
    runtime::{app::App, function::Function, invocation::Invocation},
};

/// Returns a function whose routes need no credential. It implements `operations`, and its other routes are pages. Pages
/// ignore all query parameters, so that a link works whatever a mail program adds to it. A trailing slash redirects to the
/// page.
pub fn public<H, F>(app: Arc<App>, operations: &'static [Operation], handle: H) -> impl Function<Event>
where
    H: Fn(Arc<App>, Request) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response, Error>> + Send + 'static,
{
    function(Arc::clone(&app), move |_, request| {
        let (app, handle) = (Arc::clone(&app), handle.clone());
        async move {
            match request.operation(operations) {
                Some(operation) => request.check(operation)?,
                None if request.has_trailing_slash() => return Ok(redirect::without_slash(request.path())),
                None => {}
            }
            handle(app, request).await
        }
    })
}

/// Returns a function that implements `operations`, which all need a credential. If the request has no well-formed context
/// of the authorizer, the response is 401 and the handler does not run. A request that is for none of the operations gets 404.
pub fn authorized<H, F>(app: Arc<App>, operations: &'static [Operation], handle: H) -> impl Function<Event>
where
    H: Fn(Arc<App>, Principal, Request) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response, Error>> + Send + 'static,
{
    function(Arc::clone(&app), move |principal, request| {
        let authorized = principal.map_err(Error::unauthorized);
        let checked = authorized.and_then(|principal| {
            let operation = request.operation(operations).ok_or_else(Error::not_found)?;
            step_up::check(&principal, request.method(), request.route(), app.clock.now())?;
            request.check(operation)?;
            Ok(principal)
        });
        let handled = checked.map(|principal| handle(Arc::clone(&app), principal, request));
        async { handled?.await }
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

/// Handles one request and adds the headers that every response has. A `HEAD` request runs the handler of `GET`, and its
/// response loses the body.
async fn respond<H, F>(app: Arc<App>, handle: H, request: Request) -> Result<Response, Infallible>
where
    H: Fn(Result<Principal, MalformedContext>, Request) -> F,
    F: Future<Output = Result<Response, Error>>,
{
    let operation = format!("{} {}", request.sent_method(), request.route());
    let is_head = request.is_head();
    let mut invocation = Invocation::start(&app, request.id(), operation);
    let (principal, rate_limit) = match request.caller() {
        Ok((principal, rate_limit)) => (Ok(principal), rate_limit),
        Err(malformed) => (Err(malformed), None),
    };
    let deprecation = principal.as_ref().ok().and_then(Principal::secret_deprecation);
    if let Ok(principal) = &principal {
        invocation = invocation.for_principal(principal.account_id(), principal.id());
    }
    let result = if let Some(RateLimitDecision::Exceeded(status)) = rate_limit {
        Err(Error::rate_limited(status.resets_in))
    } else {
        invocation.run(async { handle(principal, request).await }).await
    };
    let (mut response, reason) = match result {
        Ok(response) => (response, None),
        Err(error) => (response::error(&error), Some(error.reason())),
    };
    invocation.finish_with_status(response.status(), reason.as_deref());
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(invocation.request_id()) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    if let Some(rate_limit) = rate_limit {
        rate_limit_headers::insert(headers, rate_limit.status());
    }
    if let Some(deprecation) = deprecation {
        deprecation_headers::insert(headers, deprecation);
    }
    // By default, responses must not be cached, because they contain or require a credential. A function can allow caching.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    security_headers::add_common(headers);
    cors::insert(headers, &app.allowed_origin);
    if is_head {
        *response.body_mut() = Body::Empty;
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use std::future;

    use serde_json::{Value, json};

    use super::*;
    use crate::{
        http::{StatusCode, json as json_response},
        runtime::app::tests::app,
    };

    /// Returns an event of a REST API.
    fn event(headers: &Value) -> Value {
        let context = json!({
            "httpMethod": "GET", "requestId": "1", "stage": "live", "resourcePath": "/",
            "identity": {"sourceIp": "192.0.2.1"},
        });
        json!({"httpMethod": "GET", "path": "/", "headers": {}, "multiValueHeaders": headers, "requestContext": context})
    }

    /// Invokes `function` with `event` and returns its response.
    async fn invoke(mut function: impl Function<Event>, event: Value) -> Value {
        let mut context = lambda_http::Context::default();
        "3".clone_into(&mut context.request_id);
        let event = LambdaEvent::new(serde_json::from_value(event).unwrap(), context);
        serde_json::to_value(function.call(event).await.unwrap()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn handler_that_exceeds_the_timeout_returns_503() {
        let function = function(app().await, |_, _| future::pending());
        assert_eq!(invoke(function, event(&json!({}))).await["statusCode"], 503);
    }

    #[tokio::test]
    async fn handler_that_panics_returns_500() {
        async fn panic_later() -> Result<Response, Error> {
            tokio::task::yield_now().await;
            panic!("this panic is part of a test")
        }
        fn panic_at_once() -> future::Ready<Result<Response, Error>> {
            panic!("this panic is part of a test")
        }
        let later = invoke(public(app().await, &[], |_, _| panic_later()), event(&json!({}))).await;
        let at_once = invoke(public(app().await, &[], |_, _| panic_at_once()), event(&json!({}))).await;
        for response in [later, at_once] {
            assert_eq!(response["statusCode"], 500);
            let body = r#"{"error": {"code": "INTERNAL", "message": "Internal error"}}"#;
            assert_eq!(response["body"], body);
            assert_eq!(response["multiValueHeaders"]["x-request-id"], json!(["1"]));
            assert_eq!(response["multiValueHeaders"].get("retry-after"), None);
        }
    }

    #[tokio::test]
    async fn head_request_runs_the_handler_of_get_and_returns_no_body() {
        let function = function(app().await, |_, request| {
            let method = request.method().to_owned();
            future::ready(if request.source_ip() == Some("192.0.2.1") {
                Ok(json_response(StatusCode::CREATED, &method))
            } else {
                Err(Error::not_found())
            })
        });
        for (source_ip, status) in [("192.0.2.1", 201), ("192.0.2.2", 404)] {
            let mut event = event(&json!({}));
            event["requestContext"]["identity"]["sourceIp"] = json!(source_ip);
            let get = invoke(function.clone(), event.clone()).await;
            event["httpMethod"] = json!("HEAD");
            event["requestContext"]["httpMethod"] = json!("HEAD");
            let head = invoke(function.clone(), event).await;
            assert_eq!(get["statusCode"], status);
            assert_eq!(head["statusCode"], status);
            assert_eq!(head["multiValueHeaders"], get["multiValueHeaders"]);
            assert!(get["body"].as_str().is_some_and(|body| !body.is_empty()), "{get}");
            assert!(head["body"].as_str().is_none_or(str::is_empty), "{head}");
        }
    }

    #[tokio::test]
    async fn request_has_its_id_and_source_ip_in_both_payload_versions() {
        let function = function(app().await, |_, request| {
            future::ready(Ok(json_response(StatusCode::OK, &[Some(request.id()), request.source_ip()])))
        });
        let version_1 = event(&json!({}));
        let version_2 = json!({"version": "2.0", "rawPath": "/", "headers": {"Host": "api.example.com"}, "requestContext": {
            "requestId": "2", "http": {"method": "GET", "path": "/", "sourceIp": "192.0.2.2"},
        }});
        for (event, expected) in [(version_1, ["1", "192.0.2.1"]), (version_2, ["2", "192.0.2.2"])] {
            let body =
                async |event| invoke(function.clone(), event).await["body"].as_str().unwrap().to_owned();
            assert_eq!(body(event.clone()).await, json!(expected).to_string());
            // Without an id of API Gateway, the request has the id of the Lambda invocation.
            let mut without_id = event;
            without_id["requestContext"].as_object_mut().unwrap().remove("requestId");
            assert_eq!(body(without_id).await, json!(["3", expected[1]]).to_string());
        }
    }

    #[tokio::test]
    async fn unread_and_invalid_headers_are_ignored() {
        let function = function(app().await, |_, request| {
            future::ready(Ok(json_response(StatusCode::OK, &request.user_agent())))
        });
        for (headers, user_agent) in [
            (json!({"User-Agent": ["curl"], "Host": ["api.example.com"], "X-Other": ["\u{1}"]}), r#""curl""#),
            (json!({"User-Agent": ["a\u{1}b"]}), "null"),
            (json!({"User-Agent": ["a", "b\n"]}), "null"),
            (json!({"User-Agent": [1]}), "null"),
        ] {
            assert_eq!(invoke(function.clone(), event(&headers)).await["body"], user_agent);
        }
    }
}
