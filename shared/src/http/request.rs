//! A request as a handler sees it.

use std::{fmt, str::FromStr};

use lambda_http::{
    RequestExt,
    http::{Method, header},
    request::RequestContext,
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
        openapi::{Location, Operation, Parameter, schema_of},
        query,
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

/// The value of the query parameter `limit`.
struct Limit(usize);

impl Default for Limit {
    fn default() -> Self {
        Self(DEFAULT_LIMIT)
    }
}

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let limit = text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
        limit.map(Self).ok_or_else(|| format!("must be an integer from 1 to {MAX_LIMIT}"))
    }
}

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

    /// Returns the method that the handler sees: `GET` for a `HEAD` request, because its response has the same status and
    /// headers (RFC 9110, 9.3.2).
    #[must_use]
    pub fn method(&self) -> &str {
        if self.is_head() { "GET" } else { self.sent_method() }
    }

    /// Returns the method as the client sent it.
    pub(super) fn sent_method(&self) -> &str {
        self.0.method().as_str()
    }

    /// Returns true if the response must have no body.
    pub(super) fn is_head(&self) -> bool {
        self.0.method() == Method::HEAD
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
        let audit_context = AuditContext::now(&app.clock, &app.random, self.id());
        match self.source_ip() {
            Some(address) => audit_context.from_source(address, app.personal_data_retention),
            None => audit_context,
        }
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

    /// Returns the values of the `If-None-Match` header that are visible ASCII.
    pub(super) fn if_none_match(&self) -> impl Iterator<Item = &str> {
        self.0.headers().get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok())
    }

    /// Returns the one of `operations` that is requested. A page is not an operation.
    pub(super) fn operation(&self, operations: &'static [Operation]) -> Option<&'static Operation> {
        let requested = (self.method(), self.route());
        operations.iter().find(|operation| operation.route.split_once(' ') == Some(requested))
    }

    /// Returns true if the path ends with a slash that the route does not have. A REST API ignores this slash when it
    /// matches the route, but the events contain it
    /// (<https://github.com/aws-powertools/powertools-lambda-python/issues/1552>).
    pub(super) fn has_trailing_slash(&self) -> bool {
        self.route() != "/" && self.path().ends_with('/')
    }

    /// Checks the path and the names of the query parameters for `operation`.
    ///
    /// # Errors
    /// 404 if the path has a trailing slash, because each operation has exactly one path; 400 if the operation does not
    /// declare a parameter, or if a parameter is repeated.
    pub(super) fn check(&self, operation: &Operation) -> Result<(), Error> {
        if self.has_trailing_slash() {
            return Err(Error::not_found());
        }
        self.0.query_string_parameters_ref().map_or(Ok(()), |query| query::check(query, operation))
    }

    /// Returns the value of a query parameter that the operation declares.
    ///
    /// # Errors
    /// 400 if it is not a valid `T`.
    pub fn query<T: FromStr<Err: fmt::Display>>(&self, name: &'static str) -> Result<Option<T>, Error> {
        let value = self.query_text(name).map(str::parse).transpose();
        value.map_err(|error| Error::bad_field(name, error))
    }

    /// The check of the query has rejected repeated parameters.
    fn query_text(&self, name: &str) -> Option<&str> {
        self.0.query_string_parameters_ref()?.first(name)
    }

    /// Returns the requested page of `list`, from the query parameters `limit` and `cursor`.
    ///
    /// # Errors
    /// 400 if one of them is malformed, or the cursor belongs to another list.
    pub fn paging(&self, list: &List) -> Result<Paging, Error> {
        let Limit(limit) = self.query("limit")?.unwrap_or_default();
        let after = self.query_text("cursor").map(|cursor| list.after(cursor)).transpose();
        Ok(Paging { limit, after: after.map_err(|error| Error::bad_field("cursor", error))? })
    }

    /// Returns the environment whose data is requested: the environment of the API key, or for a session the one in the query.
    ///
    /// # Errors
    /// 400 if the query contains an unknown environment; 403 if it is not the environment of the API key.
    pub fn environment(&self, principal: &Principal) -> Result<Environment, Error> {
        principal.environment(self.query("environment")?).map_err(Error::forbidden)
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
        let environment = self.query_text("environment").unwrap_or_default();
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
