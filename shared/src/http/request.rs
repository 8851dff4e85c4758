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

pub struct Request(lambda_http::Request);

/// The number of entities on a page if the request has no `limit`.
const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 100;

/// The query parameters that select a page of a list.
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

/// The query parameter that selects live or test data.
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

    /// Returns the request id of API Gateway, or the id of the Lambda invocation if there is none.
    #[must_use]
    pub fn id(&self) -> &str {
        let id = match self.0.request_context_ref() {
            Some(RequestContext::ApiGatewayV1(context)) => context.request_id.as_deref(),
            Some(RequestContext::ApiGatewayV2(context)) => context.request_id.as_deref(),
            _ => None,
        };
        id.or_else(|| Some(&self.0.lambda_context_ref()?.request_id)).unwrap_or_default()
    }

    #[must_use]
    pub fn method(&self) -> &str {
        self.0.method().as_str()
    }

    /// Returns the route as in the template, such as `/v1/projects/{project_id}`.
    #[must_use]
    pub fn route(&self) -> &str {
        match self.0.request_context_ref() {
            Some(RequestContext::ApiGatewayV1(context)) => {
                context.resource_path.as_deref().unwrap_or_default()
            }
            // `cargo lambda watch` serves each function at its own URL, which can have any path.
            _ => "function URL",
        }
    }

    /// Returns the path as the client sent it. It starts with the stage, unless the API has a custom domain.
    #[must_use]
    pub fn path(&self) -> &str {
        match self.0.request_context_ref() {
            Some(RequestContext::ApiGatewayV1(context)) => context.path.as_deref(),
            _ => None,
        }
        .unwrap_or_else(|| self.0.uri().path())
    }

    /// Returns the caller and its rate-limit decision from the authorizer's context.
    ///
    /// # Errors
    /// If the context is missing or malformed.
    pub(super) fn caller(&self) -> Result<(Principal, Option<RateLimitDecision>), MalformedContext> {
        match self.0.request_context_ref() {
            Some(RequestContext::ApiGatewayV1(context)) => context::read(&context.authorizer.fields),
            _ => Err(MalformedContext),
        }
    }

    /// Returns the audit context of a change that this request makes now.
    #[must_use]
    pub fn audit_context(&self, app: &App) -> AuditContext {
        AuditContext::now(&app.clock, &app.random, self.id(), self.source_ip())
    }

    /// Returns the IP address of the client.
    #[must_use]
    pub fn source_ip(&self) -> Option<&str> {
        match self.0.request_context_ref()? {
            RequestContext::ApiGatewayV1(context) => context.identity.source_ip.as_deref(),
            RequestContext::ApiGatewayV2(context) => context.http.source_ip.as_deref(),
            _ => None,
        }
    }

    /// Returns the id in the path parameter `name`.
    ///
    /// # Errors
    /// 404 if the parameter is missing or malformed: a malformed id belongs to no entity.
    pub fn path_id<T: FromStr>(&self, name: &str) -> Result<T, Error> {
        let parameters = self.0.path_parameters_ref();
        parameters.and_then(|parameters| parameters.first(name)?.parse().ok()).ok_or_else(Error::not_found)
    }

    /// Returns the `User-Agent` header if it is visible ASCII.
    #[must_use]
    pub fn user_agent(&self) -> Option<&str> {
        self.0.headers().get(header::USER_AGENT)?.to_str().ok()
    }

    /// Returns a query parameter.
    ///
    /// # Errors
    /// 400 if the parameter is repeated.
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

    /// Returns the requested page of `list`, from the query parameters `limit` and `cursor`.
    ///
    /// # Errors
    /// 400 if one of them is malformed, or the cursor belongs to another list.
    pub fn paging(&self, list: &List) -> Result<Paging, Error> {
        let limit = match self.query("limit")? {
            None => DEFAULT_LIMIT,
            Some(limit) => {
                limit.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit)).ok_or_else(|| {
                    Error::bad_field("limit", format_args!("must be an integer from 1 to {MAX_LIMIT}"))
                })?
            }
        };
        let after = match self.query("cursor")? {
            None => None,
            Some(cursor) => Some(list.after(cursor).map_err(|error| Error::bad_field("cursor", error))?),
        };
        Ok(Paging { limit, after })
    }

    /// Returns the environment whose data is requested: the environment of the API key, or for a session the one in the query.
    ///
    /// # Errors
    /// 400 if the query contains an unknown environment; 403 if it is not the environment of the API key.
    pub fn environment(&self, principal: &Principal) -> Result<Environment, Error> {
        let requested = match self.query("environment")? {
            None => None,
            Some(name) => Some(
                Environment::from_name(name)
                    .ok_or_else(|| Error::bad_field("environment", "must be one of live, test"))?,
            ),
        };
        principal.environment(requested).map_err(Error::forbidden)
    }

    /// Returns the idempotency of this request from `caller`.
    ///
    /// # Errors
    /// 400 if the `Idempotency-Key` header is malformed or repeated.
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

    /// Deserializes the body.
    ///
    /// # Errors
    /// 415 if the `Content-Type` is not `application/json`; 413 if the body is too large; 400 if it is not a JSON object or
    /// not a valid `T`.
    pub fn body<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let content_type = self.0.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = content_type.and_then(|value| value.split(';').next()).map(str::trim);
        if !media_type.is_some_and(|media_type| media_type.eq_ignore_ascii_case("application/json")) {
            return Err(Error::unsupported_media_type());
        }
        json::parse(self.0.body())
    }

    /// Deserializes the body, or returns the default of `T` if the body is empty.
    ///
    /// # Errors
    /// The same as for [`Request::body`].
    pub fn body_or_default<T: DeserializeOwned + Default>(&self) -> Result<T, Error> {
        if self.0.body().is_empty() { Ok(T::default()) } else { self.body() }
    }
}
