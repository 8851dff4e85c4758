//! A request as a handler sees it.

use std::str::FromStr;

use lambda_http::{
    RequestExt, aws_lambda_events::query_map::QueryMap, http::header, request::RequestContext,
};
use schemars::json_schema;
use serde::de::DeserializeOwned;

use crate::{
    authorization::{
        context::{self, MalformedContext},
        principal::Principal,
    },
    error::Error,
    http::{
        idempotency::{IDEMPOTENCY_KEY, Idempotency},
        json,
        openapi::{Location, Parameter, schema_of},
    },
    idempotency::IdempotentRequest,
    model::audit_event::AuditContext,
    primitives::{
        environment::Environment,
        pagination::{List, Paging},
    },
    rate_limit::decision::RateLimitDecision,
    runtime::app::App,
};

/// A request.
pub struct Request(lambda_http::Request);

/// How many things a page of a list holds where the caller does not say.
const DEFAULT_LIMIT: usize = 50;
/// The most things that a page of a list holds.
const MAX_LIMIT: usize = 100;

/// Which page of a list is asked for, and how long it is.
pub const PAGING: [Parameter; 2] = [
    Parameter {
        name: "limit",
        location: Location::Query,
        description: "The maximum number of items on the page.",
        schema: |_| json_schema!({"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}),
    },
    Parameter {
        name: "cursor",
        location: Location::Query,
        description: "The `next_cursor` of the previous page. If left out, the first page is returned.",
        schema: |_| json_schema!({"type": "string"}),
    },
];

/// Which environment's data is asked for.
pub const ENVIRONMENT: Parameter = Parameter {
    name: "environment",
    location: Location::Query,
    description: "Whether to access live or test data. A session can choose, and uses `live` if this is left out. An API key always accesses data of its own type, and gets 403 for any other value.",
    schema: schema_of::<Environment>,
};

impl Request {
    pub(super) fn new(request: lambda_http::Request) -> Self {
        Self(request)
    }

    /// The id that API Gateway gave it.
    #[must_use]
    pub fn id(&self) -> &str {
        let id = match self.0.request_context_ref() {
            Some(RequestContext::ApiGatewayV1(context)) => context.request_id.as_deref(),
            Some(RequestContext::ApiGatewayV2(context)) => context.request_id.as_deref(),
            _ => None,
        };
        id.or_else(|| Some(&self.0.lambda_context_ref()?.request_id)).unwrap_or_default()
    }

    /// Its method.
    #[must_use]
    pub fn method(&self) -> &str {
        self.0.method().as_str()
    }

    /// Its route, as the template has it, such as `/v1/projects/{project_id}`.
    #[must_use]
    pub fn route(&self) -> &str {
        match self.0.request_context_ref() {
            Some(RequestContext::ApiGatewayV1(context)) => {
                context.resource_path.as_deref().unwrap_or_default()
            }
            // `cargo lambda watch` gives each function a URL of its own, behind which any path may stand.
            _ => "a URL of its own",
        }
    }

    /// Its path as its sender has it: with the stage in front, unless that came by a domain of the API's own.
    #[must_use]
    pub fn path(&self) -> &str {
        match self.0.request_context_ref() {
            Some(RequestContext::ApiGatewayV1(context)) => context.path.as_deref(),
            _ => None,
        }
        .unwrap_or_else(|| self.0.uri().path())
    }

    /// Who sends it, as the authorizer found out, and how their limit stands.
    ///
    /// # Errors
    /// When no authorizer of ours was asked.
    pub(super) fn caller(&self) -> Result<(Principal, Option<RateLimitDecision>), MalformedContext> {
        match self.0.request_context_ref() {
            Some(RequestContext::ApiGatewayV1(context)) => context::read(&context.authorizer.fields),
            _ => Err(MalformedContext),
        }
    }

    /// The audit context of a change that this request makes now.
    #[must_use]
    pub fn audit_context(&self, app: &App) -> AuditContext {
        AuditContext::now(&app.clock, &app.random, self.id(), self.source_ip())
    }

    /// The IP address that it came from.
    #[must_use]
    pub fn source_ip(&self) -> Option<&str> {
        match self.0.request_context_ref()? {
            RequestContext::ApiGatewayV1(context) => context.identity.source_ip.as_deref(),
            RequestContext::ApiGatewayV2(context) => context.http.source_ip.as_deref(),
            _ => None,
        }
    }

    /// The id in its path. One that is malformed names nothing.
    ///
    /// # Errors
    /// 404, when there is none, or none of this kind.
    pub fn path_id<T: FromStr>(&self, name: &str) -> Result<T, Error> {
        let parameters = self.0.path_parameters_ref();
        parameters.and_then(|parameters| parameters.first(name)?.parse().ok()).ok_or_else(Error::not_found)
    }

    /// What the browser calls itself.
    #[must_use]
    pub fn user_agent(&self) -> Option<&str> {
        self.0.headers().get(header::USER_AGENT)?.to_str().ok()
    }

    /// A parameter of the query.
    ///
    /// # Errors
    /// 400, when it comes twice.
    pub fn query(&self, name: &'static str) -> Result<Option<&str>, Error> {
        match self
            .0
            .query_string_parameters_ref()
            .and_then(|parameters: &QueryMap| parameters.all(name))
            .as_deref()
        {
            None | Some([]) => Ok(None),
            Some([value]) => Ok(Some(value)),
            Some(_) => Err(Error::bad_field(name, "is repeated")),
        }
    }

    /// Which page of `list` is asked for, by `limit` and `cursor`.
    ///
    /// # Errors
    /// 400, when either is malformed, or the cursor belongs to another list.
    pub fn paging(&self, list: &List) -> Result<Paging, Error> {
        let limit = match self.query("limit")? {
            None => DEFAULT_LIMIT,
            Some(limit) => {
                limit.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit)).ok_or_else(|| {
                    Error::bad_field("limit", format_args!("must be a number from 1 to {MAX_LIMIT}"))
                })?
            }
        };
        let after = match self.query("cursor")? {
            None => None,
            Some(cursor) => Some(list.after(cursor).map_err(|error| Error::bad_field("cursor", error))?),
        };
        Ok(Paging { limit, after })
    }

    /// Which environment's data is asked for: a key's own, or the one that a session's query names.
    ///
    /// # Errors
    /// 400, when the query names no environment; 403, when it names one that the key does not see.
    pub fn environment(&self, principal: &Principal) -> Result<Environment, Error> {
        let named = match self.query("environment")? {
            None => None,
            Some(name) => Some(
                Environment::from_name(name)
                    .ok_or_else(|| Error::bad_field("environment", "must be one of live, test"))?,
            ),
        };
        principal.environment(named).map_err(Error::forbidden)
    }

    /// Whether it has a key, by which it is known again when `caller` repeats it.
    ///
    /// # Errors
    /// 400, when the key is malformed or comes twice.
    pub fn idempotency(&self, caller: &Principal) -> Result<Idempotency, Error> {
        const NAME: &str = "Idempotency-Key";
        let mut keys = self.0.headers().get_all(IDEMPOTENCY_KEY).iter();
        let key = keys.next();
        if keys.next().is_some() {
            return Err(Error::bad_field(NAME, "is repeated"));
        }
        let environment = self.query("environment")?.unwrap_or_default();
        let parts = [self.0.raw_http_path().as_bytes(), environment.as_bytes(), self.0.body()];
        let request = key.map(|key| IdempotentRequest::new(caller, key.as_bytes(), &parts)).transpose();
        Ok(Idempotency(request.map_err(|malformed| Error::bad_field(NAME, malformed))?))
    }

    /// Its body.
    ///
    /// # Errors
    /// 415, when it is not said to be JSON; 413, when it is too large; 400, when it is no JSON object, or
    /// not one that makes a `T`.
    pub fn body<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let content_type = self.0.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = content_type.and_then(|value| value.split(';').next()).map(str::trim);
        if !media_type.is_some_and(|media_type| media_type.eq_ignore_ascii_case("application/json")) {
            return Err(Error::unsupported_media_type());
        }
        json::parse(self.0.body())
    }

    /// Its body, or `T`'s default where it has none.
    ///
    /// # Errors
    /// As [`Request::body`].
    pub fn body_or_default<T: DeserializeOwned + Default>(&self) -> Result<T, Error> {
        if self.0.body().is_empty() { Ok(T::default()) } else { self.body() }
    }
}
