//! The events that a REST API sends to its authorizer and to the function of a route.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use axum::http::request::Parts;
use serde::Serialize;
use serde_json::{Map, Value};
use time::{OffsetDateTime, format_description::FormatItem, macros::format_description};

use crate::{
    aws_names::{ACCOUNT_ID, API_ID},
    headers::EventHeaders,
    request_id::RequestId,
    routes::RouteMatch,
};

/// For example `28/Jan/2024:11:05:46 +0000`.
const REQUEST_TIME: &[FormatItem] = format_description!(
    "[day]/[month repr:short]/[year]:[hour]:[minute]:[second] [offset_hour sign:mandatory][offset_minute]"
);

/// The part that both events have in common.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request<'a> {
    resource: &'a str,
    path: &'a str,
    http_method: &'a str,
    #[serde(flatten)]
    pub(crate) headers: EventHeaders,
    /// The last value of each parameter.
    query_string_parameters: Option<BTreeMap<String, String>>,
    /// All values of each parameter.
    multi_value_query_string_parameters: Option<BTreeMap<String, Vec<String>>>,
    path_parameters: Option<BTreeMap<&'a str, &'a str>>,
    stage_variables: Option<Map<String, Value>>,
    #[serde(rename = "requestContext")]
    pub(crate) context: RequestContext<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequestContext<'a> {
    account_id: &'a str,
    api_id: &'a str,
    domain_name: &'a str,
    extended_request_id: &'a str,
    http_method: &'a str,
    identity: Identity,
    path: String,
    protocol: &'a str,
    request_id: &'a str,
    request_time: String,
    /// In milliseconds since 1970.
    request_time_epoch: i128,
    resource_id: &'a str,
    resource_path: &'a str,
    stage: &'a str,
    /// The context that the authorizer returned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) authorizer: Option<Map<String, Value>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    source_ip: IpAddr,
    user_agent: Option<String>,
}

/// The event of an authorizer of type `REQUEST`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuthorizerEvent<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    method_arn: &'a str,
    #[serde(flatten)]
    request: &'a Request<'a>,
}

/// The event of the function of a route.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProxyEvent<'a> {
    #[serde(flatten)]
    request: &'a Request<'a>,
    body: Option<Cow<'a, str>>,
    is_base64_encoded: bool,
}

impl<'a> Request<'a> {
    pub(crate) fn new(
        stage: &'a str,
        parts: &'a Parts,
        route_match: &'a RouteMatch,
        id: &'a RequestId,
        client: SocketAddr,
        port: u16,
        now: OffsetDateTime,
    ) -> Self {
        let mut headers = EventHeaders::from_request(&parts.headers);
        headers.add_forwarded(&client.ip().to_string(), port);
        let mut multi_value_query: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()) {
            multi_value_query.entry(name.into_owned()).or_default().push(value.into_owned());
        }
        let query = multi_value_query
            .iter()
            .filter_map(|(name, values)| Some((name.clone(), values.last()?.clone())))
            .collect();
        let context = RequestContext {
            account_id: ACCOUNT_ID,
            api_id: API_ID,
            domain_name: "localhost",
            extended_request_id: &id.extended,
            http_method: parts.method.as_str(),
            identity: Identity {
                source_ip: client.ip(),
                user_agent: headers.get("user-agent").map(ToOwned::to_owned),
            },
            path: format!("/{stage}{}", parts.uri.path()),
            protocol: "HTTP/1.1",
            request_id: &id.id,
            request_time: now
                .format(REQUEST_TIME)
                .expect("the format has only components that every time has"),
            request_time_epoch: (now - OffsetDateTime::UNIX_EPOCH).whole_milliseconds(),
            resource_id: &route_match.resource_id,
            resource_path: route_match.resource,
            stage,
            authorizer: None,
        };
        Self {
            resource: route_match.resource,
            path: parts.uri.path(),
            http_method: parts.method.as_str(),
            headers,
            query_string_parameters: non_empty(query),
            multi_value_query_string_parameters: non_empty(multi_value_query),
            path_parameters: non_empty(route_match.parameters.iter().copied().collect()),
            stage_variables: None,
            context,
        }
    }

    pub(crate) fn authorizer_event<'b>(&'b self, method_arn: &'b str) -> AuthorizerEvent<'b> {
        AuthorizerEvent { kind: "REQUEST", method_arn, request: self }
    }

    /// Invalid UTF-8 in `body` is replaced: an API without binary media types treats every body as text.
    pub(crate) fn proxy_event<'b>(&'b self, body: &'b [u8]) -> ProxyEvent<'b> {
        let body = (!body.is_empty()).then(|| String::from_utf8_lossy(body));
        ProxyEvent { request: self, body, is_base64_encoded: false }
    }
}

/// Events contain null instead of empty maps.
fn non_empty<K, V>(map: BTreeMap<K, V>) -> Option<BTreeMap<K, V>> {
    (!map.is_empty()).then_some(map)
}

#[cfg(test)]
mod tests {
    use axum::http;
    use serde_json::json;
    use time::macros::datetime;

    use super::*;
    use crate::routes::{Route, Routes};

    fn routes() -> Routes {
        let mut routes = Routes::default();
        routes.add("POST", "/v1/keys/{key_id}", Route::public("f")).unwrap();
        routes
    }

    fn parts(uri: &str) -> Parts {
        http::Request::post(uri).header("User-Agent", "test").body(()).unwrap().into_parts().0
    }

    fn event(uri: &str, body: &[u8]) -> Value {
        let (routes, parts) = (routes(), parts(uri));
        let route_match = routes.find("POST", parts.uri.path()).unwrap();
        let id = RequestId { id: "the-id".to_owned(), extended: "extended".to_owned() };
        let client = ([127, 0, 0, 1], 9).into();
        let now = datetime!(2024-01-28 11:05:46.123 UTC);
        let request = Request::new("live", &parts, &route_match, &id, client, 3000, now);
        serde_json::to_value(request.proxy_event(body)).unwrap()
    }

    #[test]
    fn proxy_event_has_all_fields_of_a_rest_api() {
        let event = event("/v1/keys/a%2Fb?x=1&x=%C3%A9&y=", b"{}");
        assert_eq!(
            event,
            json!({
                "resource": "/v1/keys/{key_id}",
                "path": "/v1/keys/a%2Fb",
                "httpMethod": "POST",
                "headers": {
                    "user-agent": "test", "x-forwarded-for": "127.0.0.1", "x-forwarded-port": "3000",
                    "x-forwarded-proto": "http",
                },
                "multiValueHeaders": {
                    "user-agent": ["test"], "x-forwarded-for": ["127.0.0.1"], "x-forwarded-port": ["3000"],
                    "x-forwarded-proto": ["http"],
                },
                "queryStringParameters": {"x": "é", "y": ""},
                "multiValueQueryStringParameters": {"x": ["1", "é"], "y": [""]},
                "pathParameters": {"key_id": "a%2Fb"},
                "stageVariables": null,
                "requestContext": {
                    "accountId": "123456789012",
                    "apiId": API_ID,
                    "domainName": "localhost",
                    "extendedRequestId": "extended",
                    "httpMethod": "POST",
                    "identity": {"sourceIp": "127.0.0.1", "userAgent": "test"},
                    "path": "/live/v1/keys/a%2Fb",
                    "protocol": "HTTP/1.1",
                    "requestId": "the-id",
                    "requestTime": "28/Jan/2024:11:05:46 +0000",
                    "requestTimeEpoch": 1_706_439_946_123_i64,
                    "resourceId": "000000",
                    "resourcePath": "/v1/keys/{key_id}",
                    "stage": "live",
                },
                "body": "{}",
                "isBase64Encoded": false,
            })
        );
    }

    #[test]
    fn absent_fields_are_null() {
        let event = event("/v1/keys/a", b"");
        for field in ["body", "queryStringParameters", "multiValueQueryStringParameters", "stageVariables"] {
            assert_eq!(event[field], Value::Null, "{field}");
        }
    }

    #[test]
    fn body_with_invalid_utf8_is_replaced_text() {
        assert_eq!(event("/v1/keys/a", b"a\xffb")["body"], "a\u{fffd}b");
    }
}
