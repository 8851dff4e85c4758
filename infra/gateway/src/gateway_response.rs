//! Gateway responses: the responses that the API generates itself, without a function.

use std::collections::{BTreeMap, HashMap};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header},
};
use serde::Deserialize;

use crate::compression;

/// The reason for a gateway response.
///
/// Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ResponseType {
    AccessDenied,
    ApiConfigurationError,
    AuthorizerConfigurationError,
    AuthorizerFailure,
    BadRequestBody,
    BadRequestParameters,
    #[serde(rename = "DEFAULT_4XX")]
    Default4xx,
    #[serde(rename = "DEFAULT_5XX")]
    Default5xx,
    ExpiredToken,
    /// A function returned an error, or a result that is not a response. AWS does not document which type this has, and only
    /// `DEFAULT_5XX` is sure to apply, so a template cannot define it.
    #[serde(skip)]
    FunctionFailure,
    /// Lambda rejected the invocation, for example because it throttles.
    IntegrationFailure,
    IntegrationTimeout,
    InvalidApiKey,
    InvalidSignature,
    MissingAuthenticationToken,
    QuotaExceeded,
    RequestTooLarge,
    ResourceNotFound,
    Throttled,
    Unauthorized,
    UnsupportedMediaType,
    WafFiltered,
}

impl ResponseType {
    /// The status and the message of a type that the template does not define.
    ///
    /// The statuses of the two failures of functions are from
    /// <https://docs.aws.amazon.com/lambda/latest/dg/services-apigateway-errors.html>.
    fn default(self) -> (StatusCode, &'static str) {
        match self {
            Self::BadRequestBody => (StatusCode::BAD_REQUEST, "Invalid request body"),
            Self::BadRequestParameters | Self::Default4xx => (StatusCode::BAD_REQUEST, "Bad Request"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "Unauthorized"),
            Self::AccessDenied => (StatusCode::FORBIDDEN, "User is not authorized to access this resource"),
            Self::MissingAuthenticationToken => (StatusCode::FORBIDDEN, "Missing Authentication Token"),
            Self::ExpiredToken | Self::InvalidApiKey | Self::InvalidSignature | Self::WafFiltered => {
                (StatusCode::FORBIDDEN, "Forbidden")
            }
            Self::ResourceNotFound => (StatusCode::NOT_FOUND, "Not Found"),
            Self::RequestTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "Request Too Long"),
            Self::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported Media Type"),
            Self::QuotaExceeded => (StatusCode::TOO_MANY_REQUESTS, "Limit Exceeded"),
            Self::Throttled => (StatusCode::TOO_MANY_REQUESTS, "Too Many Requests"),
            Self::ApiConfigurationError
            | Self::AuthorizerConfigurationError
            | Self::AuthorizerFailure
            | Self::Default5xx
            | Self::IntegrationFailure => (StatusCode::INTERNAL_SERVER_ERROR, "Internal server error"),
            Self::FunctionFailure => (StatusCode::BAD_GATEWAY, "Internal server error"),
            Self::IntegrationTimeout => (StatusCode::GATEWAY_TIMEOUT, "Endpoint request timed out"),
        }
    }

    /// The type whose definition applies if the template does not define this type.
    fn fallback(self) -> Self {
        if self.default().0.is_client_error() { Self::Default4xx } else { Self::Default5xx }
    }
}

/// The gateway responses that the template defines.
#[derive(Debug, Default)]
pub(crate) struct GatewayResponses(HashMap<ResponseType, GatewayResponse>);

#[derive(Debug, Deserialize)]
#[serde(try_from = "Properties")]
pub(crate) struct GatewayResponse {
    status: Option<StatusCode>,
    headers: Vec<(HeaderName, Expression)>,
    templates: ResponseTemplates,
}

/// The value of a header: a constant, or the id of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expression {
    Constant(HeaderValue),
    RequestId,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Properties {
    status_code: Option<u16>,
    #[serde(default)]
    response_parameters: ResponseParameters,
    #[serde(default)]
    response_templates: ResponseTemplates,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ResponseParameters {
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

/// The bodies by media type. A body contains no variables.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResponseTemplates {
    #[serde(rename = "application/json")]
    json: Option<String>,
    #[serde(rename = "text/html")]
    html: Option<String>,
}

const JSON: &str = "application/json";
const HTML: &str = "text/html";

impl ResponseTemplates {
    /// Returns the media type and the body for a request with these `Accept` headers: the first media type that has a template,
    /// otherwise JSON. So browsers, which put `text/html` first, get the page, and programs get JSON.
    ///
    /// AWS documents this rule for the templates of integrations only. For gateway responses, it documents just that the keys of
    /// the templates are media types. If it uses JSON for every request, browsers get JSON too.
    fn select(&self, accept: &HeaderMap) -> (&'static str, Option<&str>) {
        let lines = accept.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let mut accepted = lines
            .flat_map(|line| line.split(','))
            .filter_map(compression::weighted)
            .filter_map(|(name, weight)| (weight > 0.0).then_some(name));
        let first = accepted.find(|name| name.eq_ignore_ascii_case(JSON) || name.eq_ignore_ascii_case(HTML));
        match (first, &self.html) {
            (Some(name), Some(html)) if name.eq_ignore_ascii_case(HTML) => (HTML, Some(html)),
            _ => (JSON, self.json.as_deref()),
        }
    }
}

impl TryFrom<Properties> for GatewayResponse {
    type Error = String;

    fn try_from(properties: Properties) -> Result<Self, String> {
        let status = properties
            .status_code
            .map(|code| StatusCode::from_u16(code).map_err(|_| format!("`{code}` is not an HTTP status")))
            .transpose()?;
        let headers = properties
            .response_parameters
            .headers
            .into_iter()
            .map(|(name, value)| {
                let name =
                    HeaderName::try_from(&name).map_err(|_| format!("`{name}` is not a header name"))?;
                Ok((name, Expression::parse(&value)?))
            })
            .collect::<Result<_, String>>()?;
        let templates = properties.response_templates;
        let has_variable = |body: &String| body.contains("$context") || body.contains("$stageVariables");
        if [&templates.json, &templates.html].into_iter().flatten().any(has_variable) {
            // API Gateway substitutes variables without escaping.
            return Err("a body with variables is not supported".to_owned());
        }
        Ok(Self { status, headers, templates })
    }
}

impl Expression {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text == "context.requestId" {
            return Ok(Self::RequestId);
        }
        constant(text)
            .map(Self::Constant)
            .ok_or_else(|| format!("`{text}` is neither a `'constant'` nor `context.requestId`"))
    }

    /// Returns the value in a response to the request `request_id`.
    pub(crate) fn value<'a>(&'a self, request_id: &'a HeaderValue) -> &'a HeaderValue {
        match self {
            Self::Constant(value) => value,
            Self::RequestId => request_id,
        }
    }
}

/// Returns the header value between the quotes of `'constant'`.
fn constant(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(text.strip_prefix('\'')?.strip_suffix('\'')?).ok()
}

impl GatewayResponses {
    pub(crate) fn insert(&mut self, kind: ResponseType, response: GatewayResponse) {
        self.0.insert(kind, response);
    }

    /// Returns the response of type `kind` to the request `request_id` with these headers.
    pub(crate) fn response(
        &self,
        kind: ResponseType,
        request_id: &HeaderValue,
        request_headers: &HeaderMap,
    ) -> Response<Body> {
        let (default_status, message) = kind.default();
        let defined = self.0.get(&kind).or_else(|| self.0.get(&kind.fallback()));
        let selected = defined.map(|defined| defined.templates.select(request_headers));
        let (media_type, body) = selected.unwrap_or((JSON, None));
        let default_body = || serde_json::json!({ "message": message }).to_string();
        let body = body.map_or_else(default_body, ToOwned::to_owned);

        let mut response = Response::new(Body::from(body));
        *response.status_mut() = defined.and_then(|defined| defined.status).unwrap_or(default_status);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        for (name, expression) in defined.into_iter().flat_map(|defined| &defined.headers) {
            headers.insert(name, expression.value(request_id).clone());
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn responses(defined: Value) -> Result<GatewayResponses, serde_json::Error> {
        let defined: HashMap<ResponseType, GatewayResponse> = serde_json::from_value(defined)?;
        Ok(GatewayResponses(defined))
    }

    fn respond(responses: &GatewayResponses, kind: ResponseType) -> (u16, Response<Body>) {
        let response = responses.response(kind, &HeaderValue::from_static("the-id"), &HeaderMap::new());
        (response.status().as_u16(), response)
    }

    #[test]
    fn response_uses_the_definition_of_its_type_or_of_the_fallback_or_the_default() {
        let responses = responses(json!({
            "UNAUTHORIZED": {"ResponseParameters": {"Headers": {"X-A": "'b'", "X-Request-Id": "context.requestId"}}},
            "DEFAULT_5XX": {"StatusCode": 599},
        }))
        .unwrap();
        let (status, response) = respond(&responses, ResponseType::Unauthorized);
        assert_eq!(status, 401);
        assert_eq!(response.headers()["x-a"], "b");
        assert_eq!(response.headers()["x-request-id"], "the-id");
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(respond(&responses, ResponseType::IntegrationFailure).0, 599);
        assert_eq!(respond(&responses, ResponseType::AccessDenied).0, 403);
    }

    #[test]
    fn accept_header_selects_the_template() {
        let responses = responses(json!({
            "MISSING_AUTHENTICATION_TOKEN": {"ResponseTemplates": {"application/json": "{}", "text/html": "<p>"}},
            "ACCESS_DENIED": {"ResponseTemplates": {"application/json": "{}"}},
        }))
        .unwrap();
        let media_type = |kind, accept: Option<&str>| {
            let accept = accept.map(|value| (header::ACCEPT, HeaderValue::from_str(value).unwrap()));
            let accept: HeaderMap = accept.into_iter().collect();
            let response = responses.response(kind, &HeaderValue::from_static("the-id"), &accept);
            response.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned()
        };
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
        for (accept, expected) in [
            (None, JSON),
            (Some(""), JSON),
            (Some("*/*"), JSON),
            (Some("text/*"), JSON),
            (Some("application/json"), JSON),
            (Some("application/json, text/plain, */*"), JSON),
            (Some("application/json, text/html"), JSON),
            (Some("application/xml"), JSON),
            (Some("text/html;q=0"), JSON),
            (Some("text/html"), HTML),
            (Some("Text/HTML ; charset=utf-8"), HTML),
            (Some("application/xml, text/html;q=0.5"), HTML),
            (Some(browser), HTML),
        ] {
            assert_eq!(media_type(ResponseType::MissingAuthenticationToken, accept), expected, "{accept:?}");
        }
        assert_eq!(media_type(ResponseType::AccessDenied, Some(browser)), JSON);
        assert_eq!(media_type(ResponseType::Unauthorized, Some(browser)), JSON);
    }

    #[test]
    fn unsupported_definitions_are_rejected() {
        for defined in [
            json!({"UNAUTHORISED": {}}),
            json!({"FUNCTION_FAILURE": {}}),
            json!({"UNAUTHORIZED": {"StatusCode": 1000}}),
            json!({"UNAUTHORIZED": {"Status": 401}}),
            json!({"UNAUTHORIZED": {"ResponseParameters": {"Headers": {"X-A": "context.identity.sourceIp"}}}}),
            json!({"UNAUTHORIZED": {"ResponseParameters": {"Headers": {"X-A": "bare"}}}}),
            json!({"UNAUTHORIZED": {"ResponseParameters": {"Headers": {"X A": "'b'"}}}}),
            json!({"UNAUTHORIZED": {"ResponseTemplates": {"text/plain": "no"}}}),
            json!({"UNAUTHORIZED": {"ResponseTemplates": {"text/html": "$context.path"}}}),
            json!({"UNAUTHORIZED": {"ResponseTemplates": {"application/json": "$context.error.messageString"}}}),
        ] {
            assert!(responses(defined.clone()).is_err(), "{defined}");
        }
    }

    proptest! {
        #[test]
        fn quoted_text_is_a_constant(constant in "[ -~]{0,30}") {
            let parsed = Expression::parse(&format!("'{constant}'"));
            prop_assert_eq!(parsed, Ok(Expression::Constant(HeaderValue::from_str(&constant).unwrap())));
        }

        #[test]
        fn other_text_is_not_an_expression(text in "[^'].*") {
            prop_assume!(text != "context.requestId");
            prop_assert!(Expression::parse(&text).is_err());
        }
    }
}
