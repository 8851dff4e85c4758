//! `POST /v1/api-keys/{key_id}/simulate`: returns the authorization decision for a request that was not sent.

use std::{borrow::Cow, net::IpAddr, sync::Arc};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::{
    authorization::{
        decision::{AuthorizationRequest, simulate_key},
        delegation::reaches_key,
        denial::{Denial, DenialReason},
        principal::Principal,
        routes::MatchedRoute,
    },
    error::Error,
    http::{
        self, Event, Request, Response, StatusCode,
        openapi::{Body, Credentials, Operation, Success, Tag, schema_of},
    },
    primitives::id::KeyId,
    runtime::{app::App, function::Function},
};

pub const OPERATIONS: &[Operation] = &[Operation {
    route: "POST /v1/api-keys/{key_id}/simulate",
    function: env!("CARGO_PKG_NAME"),
    tag: Tag::ApiKeys,
    name: "simulateApiKey",
    summary: "Test an API key",
    description: "Returns the authorization decision that a request with the current secret of an API key would get, and why. The request is not sent: nothing changes, and nothing counts against the rate limit of the tested key. The decision does not consider that rate limit, or whether the project and other resources in the path exist. Paths below `/v1/projects/{project_id}` belong to other APIs that use the same authorizer, so all of them are known. A route that needs no credential allows every request. So does `OPTIONS` on a route of this API, which is for the preflight requests of browsers. Requires a session, an API key with `admin` that can access the key, or the key itself.",
    credentials: Credentials::KeyOrSession,
    id: Some(schema_of::<KeyId>),
    parameters: &[],
    body: Some(Body {
        schema: schema_of::<SimulatedRequest>,
        example: || json!({"method": "GET", "path": "/v1/projects/proj_abc123?environment=live", "ip_address": "192.0.2.1"}),
        optional: false,
    }),
    success: Success {
        status: 200,
        description: "The decision.",
        body: Some((
            schema_of::<Simulation>,
            || json!({"decision": "deny", "status": 403, "reason": "missing_permission_read"}),
        )),
    },
    errors: &[],
}];

pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, OPERATIONS, handle)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SimulatedRequest {
    method: Method,
    path: Target,
    ip_address: Address,
}

/// An HTTP method.
#[derive(Deserialize, JsonSchema)]
#[schemars(
    inline,
    description = "The HTTP method, in upper case.",
    extend("pattern" = format!("^[A-Z]{{1,{MAX_METHOD}}}$"))
)]
#[serde(try_from = "String")]
struct Method(String);

const MAX_METHOD: usize = 20;

impl TryFrom<String> for Method {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let is_method =
            (1..=MAX_METHOD).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_uppercase());
        if is_method { Ok(Self(text)) } else { Err("must be an HTTP method in upper case") }
    }
}

/// The path and the query of a request (the origin form of RFC 9112, 3.2.1).
#[derive(Deserialize, JsonSchema)]
#[schemars(
    inline,
    description = "The path as the request contains it: percent-encoded, without the stage of the API, and with the query if there is one.",
    // The visible ASCII characters except `#`.
    extend("pattern" = r#"^/[!-"$-~]*$"#)
)]
#[serde(try_from = "String")]
struct Target(String);

impl TryFrom<String> for Target {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let is_target =
            text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
        if is_target { Ok(Self(text)) } else { Err("must be a percent-encoded path that starts with `/`") }
    }
}

impl Target {
    fn path(&self) -> &str {
        self.0.split_once('?').map_or(&self.0, |(path, _)| path)
    }

    /// Returns all values of the query parameter `environment`.
    fn environments(&self) -> Vec<String> {
        let query = self.0.split_once('?').map_or("", |(_, query)| query);
        let parameters = form_urlencoded::parse(query.as_bytes());
        parameters.filter(|(name, _)| name == "environment").map(|(_, value)| value.into_owned()).collect()
    }
}

/// An IPv4 or IPv6 address.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Address(IpAddr);

impl TryFrom<String> for Address {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        text.parse().map(Self).map_err(|_| "must be an IPv4 or IPv6 address")
    }
}

impl JsonSchema for Address {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Address".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "The IPv4 or IPv6 address that the request comes from.",
            "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}],
        })
    }
}

#[derive(Serialize, JsonSchema)]
struct Simulation {
    /// Whether the request would be authorized.
    decision: Decision,
    /// The status that the decision leads to: 200 if the request would be authorized, 401 if the key is not valid, and 403 if the
    /// key may not make this request. The response to a real request can have another status, such as 404 for an unknown project.
    #[schemars(with = "i32", extend("enum" = [200, 401, 403]))]
    status: u16,
    /// Why the request would be denied, or null if it would be authorized.
    reason: Option<DenialReason>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Decision {
    /// The request would be authorized.
    Allow,
    /// The request would be denied.
    Deny,
}

impl From<Result<(), Denial>> for Simulation {
    fn from(result: Result<(), Denial>) -> Self {
        let status = match result {
            Ok(()) => StatusCode::OK,
            Err(Denial::Unauthenticated(_)) => StatusCode::UNAUTHORIZED,
            Err(Denial::Forbidden(_)) => StatusCode::FORBIDDEN,
        };
        let decision = if result.is_ok() { Decision::Allow } else { Decision::Deny };
        Self { decision, status: status.as_u16(), reason: result.err().map(DenialReason) }
    }
}

async fn handle(app: Arc<App>, principal: Principal, request: Request) -> Result<Response, Error> {
    let SimulatedRequest { method: Method(method), path: target, ip_address: Address(source_ip) } =
        request.body()?;
    let loaded = app.store.load_key(principal.account_id(), request.path_id("key_id")?).await?;
    let loaded = loaded.filter(|loaded| reaches_key(&principal, &loaded.key)).ok_or_else(Error::not_found)?;
    let matched = MatchedRoute::of(target.path());
    let simulated = AuthorizationRequest {
        method: &method,
        // A route without a rule if the path is unknown.
        route: matched.map_or("", |matched| matched.path),
        key_id: matched.and_then(|matched| matched.key_id),
        project_id: matched.and_then(|matched| matched.project_id),
        environments: &target.environments(),
        source_ip: Some(source_ip),
    };
    let result = if matched.is_some_and(|matched| matched.is_public(&method)) {
        // API Gateway does not call the authorizer.
        Ok(())
    } else {
        simulate_key(&simulated, &loaded, app.clock.now()).map(drop)
    };
    Ok(http::json(StatusCode::OK, &Simulation::from(result)))
}
