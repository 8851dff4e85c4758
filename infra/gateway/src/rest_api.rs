//! Handles the requests to the API: matches the route, invokes the authorizer and then the function.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, State},
    http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header, request::Parts},
};
use http_body_util::BodyExt;
use serde::Serialize;
use serde_json::{Map, Value};
use shared::{
    primitives::{clock::Clock, random::Random},
    telemetry::log::TARGET,
};
use tokio::time::timeout;
use tracing::Instrument;

use crate::{
    authorizer_result, aws_names, compression, event,
    gateway_response::ResponseType,
    integration,
    invoke::Functions,
    request_id::RequestId,
    request_log::{self, milliseconds_since},
    routes::{Authorizer, Integration, RouteMatch},
    template::Api,
};

/// API Gateway's limit for the size of a body, in bytes.
const MAX_BODY: usize = 10 * 1024 * 1024;
/// API Gateway's limit for the size of the request line and all header values of a REST API, in bytes.
const MAX_HEAD: usize = 10_240;

/// The API, with the state that it needs to handle requests.
pub(crate) struct RestApi {
    pub(crate) api: Api,
    pub(crate) functions: Arc<Functions>,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) port: u16,
}

async fn handle(
    State(api): State<Arc<RestApi>>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    request: Request<Body>,
) -> Response<Body> {
    api.respond(request, client).instrument(request_log::span()).await
}

impl RestApi {
    /// Returns a router that sends all paths to the API.
    pub(crate) fn router(self) -> Router {
        Router::new().fallback(handle).with_state(Arc::new(self))
    }

    async fn respond(&self, request: Request<Body>, client: SocketAddr) -> Response<Body> {
        let started = Instant::now();
        let id = RequestId::new(&self.random);
        let (parts, body) = request.into_parts();
        let path = parts.uri.path();
        let route_match = self.api.routes.find(parts.method.as_str(), path);
        let result = match &route_match {
            _ if head_length(&parts) > MAX_HEAD => Err(ResponseType::RequestTooLarge),
            Some(route_match) => self.serve(&parts, body, route_match, &id, client).await,
            None if is_stage(&self.api.stage, &parts) => Ok(redirect_to_root()),
            None => Err(ResponseType::MissingAuthenticationToken),
        };
        let request_id = header_value(&id.id);
        let mut response =
            result.unwrap_or_else(|kind| self.api.responses.response(kind, &request_id, &parts.headers));
        let headers = response.headers_mut();
        headers.insert(HeaderName::from_static("x-amzn-requestid"), request_id);
        headers.insert(HeaderName::from_static("x-amz-apigw-id"), header_value(&id.extended));
        let is_unknown = route_match.is_none();
        tracing::info!(
            target: request_log::TARGET,
            method = parts.method.as_str(),
            resource = route_match.map(|route_match| route_match.resource),
            path_length = is_unknown.then_some(path.len()),
            known_segment = is_unknown.then(|| self.api.routes.known_segment(path)).flatten(),
            status = response.status().as_u16(),
            request_id = id.id,
            duration_ms = milliseconds_since(started),
            "request"
        );
        response
    }

    async fn serve(
        &self,
        parts: &Parts,
        body: Body,
        route_match: &RouteMatch<'_, '_>,
        id: &RequestId,
        client: SocketAddr,
    ) -> Result<Response<Body>, ResponseType> {
        let body = read(body).await?;
        let now = self.clock.now_utc();
        let mut request =
            event::Request::new(&self.api.stage, parts, route_match, id, client, self.port, now);
        if let Some(authorizer) = &route_match.route.authorizer {
            let context = self.authorize(authorizer, parts, &request).await?;
            request.context.authorizer = Some(context);
        }
        let (function, limit) = match &route_match.route.integration {
            Integration::Function { name, timeout } => (name, timeout),
            Integration::Preflight(preflight) => return Ok(preflight.response(&header_value(&id.id))),
        };
        let invocation = self.functions.invoke(function, json(&request.proxy_event(&body)));
        let result = timeout(*limit, invocation).await.map_err(|_| {
            request_log::record_reason("the function takes too long");
            ResponseType::IntegrationTimeout
        })?;
        let result = result.map_err(|error| {
            tracing::warn!(target: TARGET, function, error_type = error.error_type, "a function failed");
            if error.is_rejection { ResponseType::IntegrationFailure } else { ResponseType::FunctionFailure }
        })?;
        let response = integration::to_response(&result).ok_or(ResponseType::FunctionFailure)?;
        let response = compression::compress(response, &parts.headers, self.api.minimum_compression_size);
        Ok(response.map(Body::from))
    }

    /// Returns the authorizer's context if the authorizer allows the request.
    async fn authorize(
        &self,
        authorizer: &Authorizer,
        parts: &Parts,
        request: &event::Request<'_>,
    ) -> Result<Map<String, Value>, ResponseType> {
        if authorizer.identity_headers.iter().any(|name| request.headers.get(name).is_none_or(str::is_empty))
        {
            request_log::record_reason("no credential");
            return Err(ResponseType::Unauthorized);
        }
        let method_arn = aws_names::method_arn(&self.api.stage, parts.method.as_str(), parts.uri.path());
        let started = Instant::now();
        let event = json(&request.authorizer_event(&method_arn));
        let result = self.functions.invoke(&authorizer.function, event).await;
        let mut context = authorizer_result::context(result, &method_arn)?;
        context.insert("integrationLatency".to_owned(), milliseconds_since(started).into());
        Ok(context)
    }
}

/// Returns true if the path is only the name of the stage, which is the API's root at the address of AWS.
fn is_stage(stage: &str, parts: &Parts) -> bool {
    let path = parts.uri.path().strip_prefix('/').map(|path| path.strip_suffix('/').unwrap_or(path));
    path == Some(stage) && [Method::GET, Method::HEAD].contains(&parts.method)
}

/// A link to the stage, as in the page for unknown paths, leads to the root here, because the gateway serves the API without the
/// stage in front of its paths.
fn redirect_to_root() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::FOUND;
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/"));
    response
}

fn header_value(id: &str) -> HeaderValue {
    HeaderValue::try_from(id).expect("an id contains only ASCII characters")
}

/// Returns the length of the request line and of all header values, in bytes.
fn head_length(parts: &Parts) -> usize {
    let line = format!("{} {} {:?}", parts.method, parts.uri, parts.version).len();
    line + parts.headers.values().map(HeaderValue::len).sum::<usize>()
}

fn json(event: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(event).expect("all keys of an event are strings")
}

/// Reads the whole body. Stops if it is too large.
async fn read(mut body: Body) -> Result<Vec<u8>, ResponseType> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| ResponseType::BadRequestBody)?.into_data() else { continue };
        if bytes.len() + data.len() > MAX_BODY {
            return Err(ResponseType::RequestTooLarge);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
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

    struct TestResponse {
        parts: axum::http::response::Parts,
        body: Bytes,
    }

    impl TestResponse {
        fn status(&self) -> u16 {
            self.parts.status.as_u16()
        }

        fn json(&self) -> Value {
            serde_json::from_slice(&self.body).unwrap()
        }
    }

    async fn send(method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> TestResponse {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = router().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        TestResponse { parts, body: to_bytes(body, usize::MAX).await.unwrap() }
    }

    #[tokio::test]
    async fn public_route_invokes_its_function() {
        let response = send("POST", "/public?a=1", &[], "hello").await;
        assert_eq!(response.status(), 200);
        let event = response.json();
        assert_eq!(event["body"], "hello");
        assert_eq!(event["resource"], "/public");
        assert_eq!(event["queryStringParameters"], json!({"a": "1"}));
        assert!(event["requestContext"].get("authorizer").is_none());
        let id = event["requestContext"]["requestId"].as_str().unwrap();
        assert_eq!(response.parts.headers["x-amzn-requestid"], id);
    }

    #[tokio::test]
    async fn unknown_route_returns_missing_authentication_token() {
        for (method, path) in
            [("GET", "/unknown"), ("PUT", "/public"), ("POST", "/public//"), ("POST", "//public")]
        {
            let response = send(method, path, &[("authorization", "allow")], "").await;
            assert_eq!(response.status(), 404, "{method} {path}");
            assert_eq!(response.parts.headers["x-request-id"], response.parts.headers["x-amzn-requestid"]);
            assert_eq!(&response.body[..], br#"{"error": "no such route"}"#);
        }
    }

    #[tokio::test]
    async fn path_of_the_stage_redirects_to_the_root() {
        for path in ["/test", "/test/"] {
            let response = send("GET", path, &[], "").await;
            assert_eq!(response.status(), 302, "{path}");
            assert_eq!(response.parts.headers["location"], "/");
        }
        for path in ["/test//", "/test/public", "/tests"] {
            assert_eq!(send("GET", path, &[], "").await.status(), 404, "{path}");
        }
    }

    #[tokio::test]
    async fn trailing_slash_is_ignored_and_kept_in_the_event() {
        let event = send("POST", "/public/", &[], "").await.json();
        assert_eq!(event["resource"], "/public");
        assert_eq!(event["path"], "/public/");
        assert_eq!(event["requestContext"]["path"], "/test/public/");
    }

    #[tokio::test]
    async fn request_without_identity_header_returns_401_without_the_authorizer() {
        // The authorizer would allow all of these.
        for headers in [&[] as &[_], &[("authorization", "")], &[("authorisation", "allow")]] {
            assert_eq!(send("GET", "/items/1", headers, "").await.status(), 401);
        }
    }

    #[tokio::test]
    async fn result_of_the_authorizer_determines_the_status() {
        for (authorization, status) in [
            ("allow", 200),
            ("deny", 403),
            ("allow another method", 403),
            ("error Unauthorized", 401),
            ("error Something else", 500),
            ("panic", 500),
            ("sleep", 500),
            ("return nonsense", 500),
            ("allow with a list", 500),
        ] {
            let response = send("GET", "/items/1", &[("Authorization", authorization)], "").await;
            assert_eq!(response.status(), status, "{authorization}");
        }
    }

    #[tokio::test]
    async fn function_receives_the_context_of_the_authorizer() {
        let response = send("GET", "/items/%2e%2E?x=1", &[("authorization", "allow")], "").await;
        let event = response.json();
        let authorizer = &event["requestContext"]["authorizer"];
        assert_eq!(authorizer["principalId"], "me");
        assert_eq!(authorizer["number"], "1");
        assert!(authorizer["integrationLatency"].is_u64());
        assert_eq!(authorizer["methodArn"], aws_names::method_arn("test", "GET", "/items/%2e%2E"));
        assert_eq!(authorizer["type"], "REQUEST");
        assert_eq!(event["pathParameters"], json!({"id": "%2e%2E"}));
    }

    #[tokio::test]
    async fn failed_function_returns_a_server_error() {
        for (path, status) in
            [("/fail", 502), ("/panic", 502), ("/echo", 502), ("/sleep", 502), ("/sleep/longer", 504)]
        {
            assert_eq!(send("GET", path, &[], "").await.status(), status, "{path}");
        }
    }

    #[tokio::test]
    async fn rejected_invocation_returns_integration_failure() {
        let response = send("GET", "/missing", &[], "").await;
        assert_eq!(response.status(), 503);
        assert_eq!(response.parts.headers["retry-after"], "1");
    }

    #[tokio::test]
    async fn response_of_the_minimum_size_is_compressed_for_clients_that_accept_it() {
        for (accepted, length, coding) in [
            (&[("accept-encoding", "gzip")] as &[_], 2_000, Some("gzip")),
            (&[("accept-encoding", "gzip")], 10, None),
            (&[], 2_000, None),
        ] {
            let response = send("POST", "/public", accepted, "a".repeat(length)).await;
            assert_eq!(response.status(), 200);
            let encoding =
                response.parts.headers.get("content-encoding").map(|value| value.to_str().unwrap());
            assert_eq!(encoding, coding, "{accepted:?} {length}");
        }
    }

    #[tokio::test]
    async fn body_above_ten_mebibytes_returns_413() {
        let status = async |length| send("POST", "/public", &[], vec![b'x'; length]).await.status();
        assert_eq!(status(MAX_BODY).await, 200);
        assert_eq!(status(MAX_BODY + 1).await, 413);
    }
}
