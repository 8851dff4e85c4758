//! The way of a request through the API: route, authorizer, function.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, State},
    http::{HeaderName, HeaderValue, Request, Response, request::Parts},
};
use http_body_util::BodyExt;
use serde::Serialize;
use serde_json::{Map, Value};
use shared::{
    primitives::{clock::Clock, random::Random},
    telemetry::log::TARGET,
};
use tokio::time::timeout;

use crate::{
    aws_names, event,
    gateway_response::ResponseType,
    integration,
    invoke::Functions,
    request_id::RequestId,
    routes::{Authorizer, Integration, Match},
    template::Api,
    verdict,
};

const LARGEST_BODY: usize = 10 * 1024 * 1024;
/// Of the request line and the values of all headers together (API Gateway's quotas for REST APIs).
const LARGEST_HEAD: usize = 10_240;

/// The API and what it needs to answer.
pub(crate) struct RestApi {
    pub(crate) api: Api,
    pub(crate) functions: Arc<Functions>,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) port: u16,
}

async fn answer(
    State(api): State<Arc<RestApi>>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    request: Request<Body>,
) -> Response<Body> {
    let started = Instant::now();
    let id = RequestId::new(&api.random);
    let (parts, body) = request.into_parts();
    let found = api.api.routes.find(parts.method.as_str(), parts.uri.path());
    let result = match &found {
        _ if head_length(&parts) > LARGEST_HEAD => Err(ResponseType::RequestTooLarge),
        Some(found) => api.serve(&parts, body, found, &id, client).await,
        None => Err(ResponseType::MissingAuthenticationToken),
    };
    let value = |id: &str| HeaderValue::try_from(id).expect("an id is made of ASCII");
    let request_id = value(&id.id);
    let mut response = result.unwrap_or_else(|kind| api.api.responses.answer(kind, &request_id));
    let headers = response.headers_mut();
    headers.insert(HeaderName::from_static("x-amzn-requestid"), request_id);
    headers.insert(HeaderName::from_static("x-amz-apigw-id"), value(&id.extended));
    tracing::info!(
        target: TARGET,
        method = parts.method.as_str(),
        resource = found.map(|found| found.resource),
        status = response.status().as_u16(),
        request_id = id.id,
        duration_ms = u64::try_from(started.elapsed().as_millis()).ok(),
        "request"
    );
    response
}

impl RestApi {
    /// The API, at whatever path is free.
    pub(crate) fn router(self) -> Router {
        Router::new().fallback(answer).with_state(Arc::new(self))
    }

    async fn serve(
        &self,
        parts: &Parts,
        body: Body,
        found: &Match<'_, '_>,
        id: &RequestId,
        client: SocketAddr,
    ) -> Result<Response<Body>, ResponseType> {
        let body = read(body).await?;
        let now = self.clock.now_utc();
        let mut request = event::Request::new(&self.api.stage, parts, found, id, client, self.port, now);
        if let Some(authorizer) = &found.route.authorizer {
            let context = self.authorize(authorizer, parts, &request).await?;
            request.context.authorizer = Some(context);
        }
        let (function, limit) = match &found.route.integration {
            Integration::Function { name, timeout } => (name, timeout),
            Integration::Preflight(preflight) => return Ok(preflight.answer()),
        };
        let answer = self.functions.invoke(function, json(&request.proxy_event(&body)));
        let answer = timeout(*limit, answer).await.map_err(|_| ResponseType::IntegrationTimeout)?;
        let answer = answer.map_err(|error| {
            tracing::warn!(target: TARGET, function, error_type = error.error_type, "a function failed");
            ResponseType::IntegrationFailure
        })?;
        integration::response(&answer).ok_or(ResponseType::IntegrationFailure)
    }

    async fn authorize(
        &self,
        authorizer: &Authorizer,
        parts: &Parts,
        request: &event::Request<'_>,
    ) -> Result<Map<String, Value>, ResponseType> {
        if authorizer.identity_headers.iter().any(|name| request.headers.get(name).is_none_or(str::is_empty))
        {
            return Err(ResponseType::Unauthorized);
        }
        let method_arn = aws_names::method_arn(&self.api.stage, parts.method.as_str(), parts.uri.path());
        let started = Instant::now();
        let answer =
            self.functions.invoke(&authorizer.function, json(&request.authorizer_event(&method_arn))).await;
        let mut context = verdict::context(answer, &method_arn)?;
        let latency = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        context.insert("integrationLatency".to_owned(), latency.into());
        Ok(context)
    }
}

/// The length of the request line and of the values of all headers.
fn head_length(parts: &Parts) -> usize {
    let line = format!("{} {} {:?}", parts.method, parts.uri, parts.version).len();
    line + parts.headers.values().map(HeaderValue::len).sum::<usize>()
}

fn json(event: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(event).expect("an event has string keys alone")
}

/// The whole body. One that is too large is still read to its end, though not kept: a client that is
/// busy sending wouldn't see an answer.
async fn read(mut body: Body) -> Result<Vec<u8>, ResponseType> {
    let mut bytes = Vec::new();
    let mut too_large = false;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| ResponseType::BadRequestBody)?.into_data() else { continue };
        too_large |= bytes.len() + data.len() > LARGEST_BODY;
        if too_large {
            bytes = Vec::new();
        } else {
            bytes.extend_from_slice(&data);
        }
    }
    if too_large { Err(ResponseType::RequestTooLarge) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use axum::{
        body::{Bytes, to_bytes},
        extract::connect_info::MockConnectInfo,
    };
    use serde_json::json;
    use tower::ServiceExt;

    use super::*;
    use crate::{aws_names::STACK_NAME, invoke::tests::functions, template::Template};

    const TEMPLATE: &str = include_str!("../tests/template.yaml");

    fn router() -> Router {
        let api = Template::parse(TEMPLATE, STACK_NAME, &BTreeMap::new()).unwrap().api;
        let functions = Arc::new(functions());
        let (clock, random) = (Clock::system(), Random::system());
        RestApi { api, functions, clock, random, port: 3000 }
            .router()
            .layer(MockConnectInfo(SocketAddr::from(([127, 0, 0, 1], 9))))
    }

    struct Answer {
        parts: axum::http::response::Parts,
        body: Bytes,
    }

    impl Answer {
        fn status(&self) -> u16 {
            self.parts.status.as_u16()
        }

        fn json(&self) -> Value {
            serde_json::from_slice(&self.body).unwrap()
        }
    }

    async fn send(method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = router().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        Answer { parts, body: to_bytes(body, usize::MAX).await.unwrap() }
    }

    #[tokio::test]
    async fn an_open_route_goes_to_its_function() {
        let answer = send("POST", "/open?a=1", &[], "hello").await;
        assert_eq!(answer.status(), 200);
        let event = answer.json();
        assert_eq!(event["body"], "hello");
        assert_eq!(event["resource"], "/open");
        assert_eq!(event["queryStringParameters"], json!({"a": "1"}));
        assert!(event["requestContext"].get("authorizer").is_none());
        let id = event["requestContext"]["requestId"].as_str().unwrap();
        assert_eq!(answer.parts.headers["x-amzn-requestid"], id);
    }

    #[tokio::test]
    async fn no_route_is_a_missing_authentication_token() {
        for (method, path) in [("GET", "/nothing"), ("PUT", "/open"), ("POST", "/open/"), ("POST", "//open")]
        {
            let answer = send(method, path, &[("authorization", "allow")], "").await;
            assert_eq!(answer.status(), 404, "{method} {path}");
            assert_eq!(answer.parts.headers["x-request-id"], answer.parts.headers["x-amzn-requestid"]);
            assert_eq!(&answer.body[..], br#"{"error": "no such route"}"#);
        }
    }

    #[tokio::test]
    async fn without_identity_the_authorizer_is_not_asked() {
        // Asked, it would allow all of these.
        for headers in [&[] as &[_], &[("authorization", "")], &[("authorisation", "allow")]] {
            assert_eq!(send("GET", "/things/1", headers, "").await.status(), 401);
        }
    }

    #[tokio::test]
    async fn the_authorizer_decides() {
        for (word, status) in [
            ("allow", 200),
            ("deny", 403),
            ("allow another method", 403),
            ("error Unauthorized", 401),
            ("error Something else", 500),
            ("panic", 500),
            ("sleep", 500),
            ("answer nonsense", 500),
            ("allow with a list", 500),
        ] {
            let answer = send("GET", "/things/1", &[("Authorization", word)], "").await;
            assert_eq!(answer.status(), status, "{word}");
        }
    }

    #[tokio::test]
    async fn the_function_learns_what_the_authorizer_said() {
        let answer = send("GET", "/things/%2e%2E?x=1", &[("authorization", "allow")], "").await;
        let event = answer.json();
        let authorizer = &event["requestContext"]["authorizer"];
        assert_eq!(authorizer["principalId"], "me");
        assert_eq!(authorizer["number"], "1");
        assert!(authorizer["integrationLatency"].is_u64());
        assert_eq!(authorizer["methodArn"], aws_names::method_arn("test", "GET", "/things/%2e%2E"));
        assert_eq!(authorizer["type"], "REQUEST");
        assert_eq!(event["pathParameters"], json!({"id": "%2e%2E"}));
    }

    #[tokio::test]
    async fn a_function_that_fails_is_a_server_error() {
        for (path, status) in
            [("/fail", 502), ("/panic", 502), ("/echo", 502), ("/sleep", 502), ("/sleep/longer", 504)]
        {
            assert_eq!(send("GET", path, &[], "").await.status(), status, "{path}");
        }
    }

    #[tokio::test]
    async fn a_body_may_be_ten_mebibytes() {
        let status = async |length| send("POST", "/open", &[], vec![b'x'; length]).await.status();
        assert_eq!(status(LARGEST_BODY).await, 200);
        assert_eq!(status(LARGEST_BODY + 1).await, 413);
    }
}
