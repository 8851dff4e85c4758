//! The event of a REST API's REQUEST authorizer, as far as it is read.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use shared::authorization::decision::AuthorizationRequest;

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
    pub(crate) fn authorization_request(&self) -> AuthorizationRequest<'_> {
        AuthorizationRequest {
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn request(members: Value) -> Result<AuthorizerRequest, serde_json::Error> {
        let mut event = json!({
            "methodArn": "arn",
            "resource": "/v1/projects/{project_id}",
            "httpMethod": "GET",
            "requestContext": {"requestId": "1"},
        });
        let Value::Object(members) = members else { panic!("members are an object") };
        event.as_object_mut().unwrap().extend(members);
        serde_json::from_value(event)
    }

    #[test]
    fn one_authorization_is_one_however_it_is_spelled() {
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
    fn what_is_no_list_of_values_is_no_event() {
        for headers in [json!([]), json!("a"), json!({"Authorization": "a"}), json!({"Authorization": [1]})] {
            let refused = request(json!({"multiValueHeaders": headers})).err().map(|error| error.to_string());
            assert!(refused.is_some(), "{headers}");
        }
        let refused = request(json!({"multiValueHeaders": []})).err().unwrap().to_string();
        assert!(refused.contains("expected headers"), "{refused}");
        // A name that is no text can't come as JSON, but through another deserializer.
        let refused = IsAuthorization::deserialize(json!(1)).err().unwrap().to_string();
        assert!(refused.contains("expected a header's name"), "{refused}");
    }

    #[test]
    fn what_is_asked_is_what_the_event_says() {
        let full = request(json!({
            "pathParameters": {"project_id": "proj_1", "key_id": "key_1", "other": "x"},
            "multiValueQueryStringParameters": {"environment": ["live", "test"], "limit": ["1"]},
        }));
        let full = full.unwrap();
        let parsed = full.authorization_request();
        assert_eq!((parsed.method, parsed.route), ("GET", "/v1/projects/{project_id}"));
        assert_eq!((parsed.key_id, parsed.project_id), (Some("key_1"), Some("proj_1")));
        assert_eq!(parsed.environments, ["live", "test"]);

        let bare = request(json!({"pathParameters": null, "multiValueQueryStringParameters": {}})).unwrap();
        let parsed = bare.authorization_request();
        assert_eq!((parsed.key_id, parsed.project_id), (None, None));
        assert!(parsed.environments.is_empty());
    }
}
