//! The event of a REST API's REQUEST authorizer, as far as it is read.

use std::{fmt, marker::PhantomData};

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
    authorizations: Option<Authorizations<Vec<String>>>,
    /// Of a header that came more than once, the last value.
    #[serde(rename = "headers")]
    last_authorizations: Option<Authorizations<String>>,
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
        let mut all = self.authorizations.as_ref()?.0.iter().flatten();
        let (Some(one), None) = (all.next(), all.next()) else { return None };
        let mut last = self.last_authorizations.iter().flat_map(|last| &last.0);
        last.all(|last| last == one).then_some(one)
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

/// Of all headers, what `Authorization` holds, however it is spelled.
struct Authorizations<V>(Vec<V>);

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Authorizations<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeadersVisitor(PhantomData)).map(Self)
    }
}

struct HeadersVisitor<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for HeadersVisitor<V> {
    type Value = Vec<V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("headers")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut headers: A) -> Result<Self::Value, A::Error> {
        let mut authorizations = Vec::new();
        while let Some(IsAuthorization(is_authorization)) = headers.next_key()? {
            if is_authorization {
                authorizations.push(headers.next_value()?);
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
