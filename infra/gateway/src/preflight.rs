//! The responses to the preflight requests of browsers (<https://fetch.spec.whatwg.org/#cors-preflight-fetch>). The template
//! describes them in the definition of the API, as mock integrations with constant headers. SAM adds the routes of the functions to
//! this definition.

use std::collections::BTreeMap;

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Response, StatusCode, header},
};
use serde::Deserialize;
use serde_json::Value;

use crate::gateway_response::Expression;

/// The property `DefinitionBody` of an API, an OpenAPI document of version 2.0.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Definition {
    // Parsed only to reject other versions.
    #[serde(rename = "swagger")]
    _swagger: Version,
    #[serde(rename = "info")]
    _info: Value,
    pub(crate) paths: BTreeMap<String, Methods>,
}

#[derive(Debug, Deserialize)]
enum Version {
    #[serde(rename = "2.0")]
    Two,
}

/// The methods of a path. The gateway supports no others here.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Methods {
    pub(crate) options: Preflight,
}

/// The response to the preflight requests of a path.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Operation")]
pub(crate) struct Preflight {
    status: StatusCode,
    headers: Vec<(HeaderName, Expression)>,
    body: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Operation {
    #[serde(rename = "summary")]
    _summary: Option<String>,
    #[serde(rename = "consumes")]
    _consumes: [MediaType; 1],
    #[serde(rename = "produces")]
    _produces: [MediaType; 1],
    /// By their statuses.
    responses: BTreeMap<String, Declared>,
    #[serde(rename = "x-amazon-apigateway-integration")]
    integration: MockIntegration,
}

#[derive(Deserialize)]
enum MediaType {
    #[serde(rename = "application/json")]
    Json,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Declared {
    #[serde(rename = "description")]
    _description: String,
    headers: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MockIntegration {
    #[serde(rename = "type")]
    _type: Mock,
    // It selects the response. There is only one.
    #[serde(rename = "requestTemplates")]
    _request_templates: Templates,
    responses: OneResponse,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mock {
    Mock,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OneResponse {
    default: MockResponse,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MockResponse {
    status_code: String,
    response_templates: Templates,
    response_parameters: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Templates {
    #[serde(rename = "application/json")]
    json: String,
}

impl TryFrom<Operation> for Preflight {
    type Error = String;

    fn try_from(operation: Operation) -> Result<Self, String> {
        let Operation { responses, integration, .. } = operation;
        let MockResponse { status_code, response_templates, response_parameters } =
            integration.responses.default;
        let declared = responses.get(&status_code).ok_or("the status of the response is not declared")?;
        let status = status_code.parse().map_err(|_| format!("`{status_code}` is not an HTTP status"))?;
        if response_templates.json.contains('$') {
            return Err("a body with variables is not supported".to_owned());
        }
        let headers = response_parameters
            .iter()
            .map(|(parameter, value)| {
                let name = parameter.strip_prefix("method.response.header.").unwrap_or_default();
                // API Gateway drops such a header.
                if !declared.headers.contains_key(name) {
                    return Err(format!("`{parameter}` is not a declared header"));
                }
                let name =
                    HeaderName::try_from(name).map_err(|_| format!("`{name}` is not a header name"))?;
                Ok((name, Expression::parse(value)?))
            })
            .collect::<Result<_, String>>()?;
        Ok(Self { status, headers, body: response_templates.json })
    }
}

impl Preflight {
    /// Returns the response to the request `request_id`.
    pub(crate) fn response(&self, request_id: &HeaderValue) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body.clone()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, expression) in &self.headers {
            headers.insert(name, expression.value(request_id).clone());
        }
        response
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{from_value, json};

    use super::*;

    /// Returns the operation of a preflight response with the headers `Access-Control-Max-Age` and `X-Request-Id`.
    pub(crate) fn operation() -> Value {
        json!({
            "consumes": ["application/json"],
            "produces": ["application/json"],
            "responses": {"200": {"description": "", "headers": {
                "Access-Control-Max-Age": {"type": "integer"},
                "X-Request-Id": {"type": "string"},
            }}},
            "x-amazon-apigateway-integration": {
                "type": "mock",
                "requestTemplates": {"application/json": r#"{"statusCode": 200}"#},
                "responses": {"default": {
                    "statusCode": "200",
                    "responseTemplates": {"application/json": "{}"},
                    "responseParameters": {
                        "method.response.header.Access-Control-Max-Age": "'600'",
                        "method.response.header.X-Request-Id": "context.requestId",
                    },
                }},
            },
        })
    }

    #[test]
    fn response_has_the_headers_of_the_integration() {
        let preflight: Preflight = from_value(operation()).unwrap();
        let response = preflight.response(&HeaderValue::from_static("the-id"));
        assert_eq!(response.status(), 200);
        for (name, value) in [
            ("access-control-max-age", "600"),
            ("x-request-id", "the-id"),
            ("content-type", "application/json"),
        ] {
            assert_eq!(response.headers()[name], value);
        }
        assert_eq!(response.headers().len(), 3);
    }

    #[test]
    fn unsupported_operations_are_rejected() {
        const INTEGRATION: &str = "/x-amazon-apigateway-integration";
        let response = format!("{INTEGRATION}/responses/default");
        for (pointer, value) in [
            ("/responses".to_owned(), json!({})),
            ("/responses/200/headers".to_owned(), json!({"X-Request-Id": {"type": "string"}})),
            ("/produces".to_owned(), json!(["text/html"])),
            (format!("{INTEGRATION}/type"), json!("aws_proxy")),
            (format!("{INTEGRATION}/responses"), json!({})),
            (format!("{response}/statusCode"), json!("204")),
            (format!("{response}/statusCode"), json!("OK")),
            (format!("{response}/responseTemplates/application~1json"), json!("$context.path")),
            (format!("{response}/responseParameters"), json!({"method.response.header.X-Other": "'a'"})),
            (format!("{response}/responseParameters"), json!({"method.request.header.X-Request-Id": "'a'"})),
            (format!("{response}/responseParameters"), json!({"method.response.header.X-Request-Id": "a"})),
        ] {
            let mut operation = operation();
            *operation.pointer_mut(&pointer).expect(&pointer) = value.clone();
            assert!(from_value::<Preflight>(operation).is_err(), "{pointer}: {value}");
        }
        let mut secured = operation();
        secured["security"] = json!([{"Credential": []}]);
        assert!(from_value::<Preflight>(secured).is_err());
    }

    #[test]
    fn unsupported_definitions_are_rejected() {
        let definition = |version: &str, method: &str| json!({"swagger": version, "info": {}, "paths": {"/": {method: operation()}}});
        assert!(from_value::<Definition>(definition("2.0", "options")).is_ok());
        assert!(from_value::<Definition>(definition("3.0", "options")).is_err());
        assert!(from_value::<Definition>(definition("2.0", "get")).is_err());
    }
}
