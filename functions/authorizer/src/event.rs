//! The event that a REST API sends to its REQUEST authorizer, reduced to the fields that the authorizer reads.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use shared::authorization::decision::AuthorizationRequest;

/// The event that API Gateway sends to the authorizer.
///
/// The type in `aws_lambda_events` can't be used: it joins headers whose names differ only in case, and it fails if a
/// header contains other characters than ASCII. Both requests must get 401. It also parses the rest of the event, which is
/// not needed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizerRequest {
    pub(crate) method_arn: String,
    pub(crate) request_context: RequestContext,
    resource: String,
    http_method: String,
    #[serde(rename = "multiValueHeaders")]
    authorizations: Option<Authorizations<Vec<String>>>,
    /// Contains only the last value of a repeated header.
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
    #[serde(default)]
    identity: Identity,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    source_ip: Option<String>,
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
    /// Returns the value of the `Authorization` header. Returns `None` if the request has no such header or several
    /// values for it. The case of header names is ignored.
    pub(crate) fn authorization(&self) -> Option<&str> {
        let mut values = self.authorizations.as_ref()?.0.iter().flatten();
        let (Some(value), None) = (values.next(), values.next()) else { return None };
        let mut last_values = self.last_authorizations.iter().flat_map(|last| &last.0);
        last_values.all(|last| last == value).then_some(value)
    }

    pub(crate) fn authorization_request(&self) -> AuthorizationRequest<'_> {
        AuthorizationRequest {
            method: &self.http_method,
            route: &self.resource,
            key_id: self.path.as_ref().and_then(|path| path.key_id.as_deref()),
            project_id: self.path.as_ref().and_then(|path| path.project_id.as_deref()),
            // Only the address that API Gateway itself received the request from counts. A client can send any `X-Forwarded-For`.
            source_ip: self.request_context.identity.source_ip.as_ref().and_then(|ip| ip.parse().ok()),
            environments: self.query.as_ref().map_or(&[], |query| &query.environment),
        }
    }
}

/// The values of the headers named `Authorization`, in any case.
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

/// Whether the name of a header is `Authorization`. The name itself is not stored.
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
        f.write_str("the name of a header")
    }

    fn visit_str<E>(self, name: &str) -> Result<IsAuthorization, E> {
        Ok(IsAuthorization(name.eq_ignore_ascii_case("authorization")))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn request(fields: Value) -> Result<AuthorizerRequest, serde_json::Error> {
        let mut event = json!({
            "methodArn": "arn",
            "resource": "/v1/projects/{project_id}",
            "httpMethod": "GET",
            "requestContext": {"requestId": "1"},
        });
        let Value::Object(fields) = fields else { panic!("the fields are not an object") };
        event.as_object_mut().unwrap().extend(fields);
        serde_json::from_value(event)
    }

    #[test]
    fn authorization_returns_the_value_only_if_the_request_has_exactly_one() {
        for (headers, value) in [
            (json!({"Authorization": ["a"]}), Some("a")),
            (json!({"aUTHORIZATION": ["a"], "Host": ["b"], "Cookie": null}), Some("a")),
            (json!({"Authorization": ["a", "a"]}), None),
            (json!({"Authorization": ["a"], "authorization": ["a"]}), None),
            (json!({"Authorization": []}), None),
            (json!({"Proxy-Authorization": ["a"]}), None),
            (json!({}), None),
            (Value::Null, None),
        ] {
            let request = request(json!({"multiValueHeaders": headers})).unwrap();
            assert_eq!(request.authorization(), value, "{headers}");
        }
        assert_eq!(request(json!({"headers": {"Authorization": "a"}})).unwrap().authorization(), None);
        for (last, value) in [("a", Some("a")), ("b", None)] {
            let headers =
                json!({"headers": {"Authorization": last}, "multiValueHeaders": {"Authorization": ["a"]}});
            assert_eq!(request(headers).unwrap().authorization(), value, "{last}");
        }
    }

    #[test]
    fn headers_of_the_wrong_type_are_an_error() {
        for headers in [json!([]), json!("a"), json!({"Authorization": "a"}), json!({"Authorization": [1]})] {
            let result = request(json!({"multiValueHeaders": headers}));
            assert!(result.is_err(), "{headers}");
        }
        let error = request(json!({"multiValueHeaders": []})).err().unwrap().to_string();
        assert!(error.contains("expected headers"), "{error}");
        // In JSON, every name is a string. Other deserializers may pass another type.
        let error = IsAuthorization::deserialize(json!(1)).err().unwrap().to_string();
        assert!(error.contains("expected the name of a header"), "{error}");
    }

    #[test]
    fn authorization_request_contains_the_ids_and_environments_of_the_event() {
        let event = request(json!({
            "pathParameters": {"project_id": "proj_1", "key_id": "key_1", "other": "x"},
            "multiValueQueryStringParameters": {"environment": ["live", "test"], "limit": ["1"]},
        }));
        let event = event.unwrap();
        let parsed = event.authorization_request();
        assert_eq!((parsed.method, parsed.route), ("GET", "/v1/projects/{project_id}"));
        assert_eq!((parsed.key_id, parsed.project_id), (Some("key_1"), Some("proj_1")));
        assert_eq!(parsed.environments, ["live", "test"]);

        let event = request(json!({"pathParameters": null, "multiValueQueryStringParameters": {}})).unwrap();
        let parsed = event.authorization_request();
        assert_eq!((parsed.key_id, parsed.project_id), (None, None));
        assert!(parsed.environments.is_empty());
    }
}
