//! The event of a REST API's REQUEST authorizer, as far as it is read.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use shared::access::Asked;

/// What API Gateway asks.
///
/// Ours instead of the one in `aws_lambda_events`: that one joins headers whose names differ in case alone
/// and refuses an event with a header outside of ASCII. Both are to be answered with a 401. And most of an
/// event is not needed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizerRequest {
    pub(crate) method_arn: String,
    pub(crate) request_context: RequestContext,
    resource: String,
    http_method: String,
    #[serde(rename = "multiValueHeaders")]
    authorizations: Option<Authorizations>,
    #[serde(rename = "multiValueQueryStringParameters")]
    query: Option<Query>,
    #[serde(rename = "pathParameters")]
    path: Option<Path>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequestContext {
    #[serde(default)]
    pub(crate) request_id: String,
}

#[derive(Deserialize)]
struct Query {
    #[serde(default)]
    environment: Vec<String>,
}

#[derive(Deserialize)]
struct Path {
    key_id: Option<String>,
    project_id: Option<String>,
}

impl AuthorizerRequest {
    /// The one `Authorization` that came, if it was one: two credentials, in whatever guise, are none.
    pub(crate) fn authorization(&self) -> Option<&str> {
        match self.authorizations.as_ref()?.0.as_slice() {
            [value] => Some(value),
            _ => None,
        }
    }

    /// What the request asks for.
    pub(crate) fn asked(&self) -> Asked<'_> {
        Asked {
            method: &self.http_method,
            route: &self.resource,
            key_id: self.path.as_ref().and_then(|path| path.key_id.as_deref()),
            project_id: self.path.as_ref().and_then(|path| path.project_id.as_deref()),
            environments: self.query.as_ref().map_or(&[], |query| &query.environment),
        }
    }
}

/// Of all headers, the values of `Authorization`, however it is spelled.
struct Authorizations(Vec<String>);

impl<'de> Deserialize<'de> for Authorizations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeadersVisitor).map(Self)
    }
}

struct HeadersVisitor;

impl<'de> Visitor<'de> for HeadersVisitor {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("headers with lists of values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut headers: A) -> Result<Self::Value, A::Error> {
        let mut authorizations = Vec::new();
        while let Some(IsAuthorization(is_authorization)) = headers.next_key()? {
            if is_authorization {
                authorizations.append(&mut headers.next_value()?);
            } else {
                headers.next_value::<IgnoredAny>()?;
            }
        }
        Ok(authorizations)
    }
}

/// Whether a header's name is `Authorization`, read without keeping the name.
struct IsAuthorization(bool);

impl<'de> Deserialize<'de> for IsAuthorization {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor)
    }
}

struct NameVisitor;

impl Visitor<'_> for NameVisitor {
    type Value = IsAuthorization;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a header's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<IsAuthorization, E> {
        Ok(IsAuthorization(name.eq_ignore_ascii_case("authorization")))
    }
}
