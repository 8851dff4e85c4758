//! `GET /v1/openapi.json`: the API's description, which `infra/openapi-document` has written.

use std::sync::Arc;

use schemars::json_schema;
use shared::{
    app::App,
    error::Error,
    function::Function,
    http::{self, Event, Request, Response, StatusCode},
    operation::{Answer, Credentials, Operation},
};

/// The description.
pub const DOCUMENT: &str = include_str!("../../../openapi.json");

/// What the API's description says of it.
pub const OPERATIONS: &[Operation] = &[Operation {
    route: "GET /v1/openapi.json",
    name: "getDescription",
    summary: "Show this description",
    description: "",
    credentials: Credentials::None,
    id: None,
    parameters: &[],
    body: None,
    answer: Answer {
        status: 200,
        description: "The description, as OpenAPI 3.1.",
        body: Some((|_| json_schema!({"type": "object"}), r#"{"openapi": "3.1.1"}"#)),
    },
    refusals: &[],
}];

/// The function.
pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::public(app, handle)
}

async fn handle(_app: Arc<App>, _request: Request) -> Result<Response, Error> {
    Ok(http::json_text(StatusCode::OK, DOCUMENT.to_owned()))
}
