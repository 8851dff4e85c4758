//! `GET /v1/openapi.json`: the API's description, and `GET /docs`: the page on which people read it.
//! `infra/openapi-document` has written both.
use std::sync::{Arc, LazyLock};

use base64::{Engine, prelude::BASE64_STANDARD};
use schemars::json_schema;
use serde_json::json;
use sha2::{Digest, Sha256};
use shared::{
    error::Error,
    http::{
        self, Event, Request, Response, StatusCode,
        openapi::{Credentials, Operation, Success, Tag},
        security_headers,
    },
    runtime::{app::App, function::Function},
};

/// The description.
pub const DOCUMENT: &str = include_str!("../../../openapi.json");
/// The page.
pub const PAGE: &str = include_str!("../docs.html");

/// Its style, which stands in it, and nothing else: by the hash of its text (CSP Level 3, 2.3.1).
static SOURCES: LazyLock<String> = LazyLock::new(|| {
    let style = PAGE.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>"));
    let (style, _) = style.expect("the page has a style");
    format!("style-src 'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(style)))
});

pub const OPERATIONS: &[Operation] = &[Operation {
    route: "GET /v1/openapi.json",
    function: env!("CARGO_PKG_NAME"),
    tag: Tag::Service,
    name: "getDescription",
    summary: "Show this description",
    description: "All operations and all that they read and write, for programs that make clients, tests or pages of it.",
    credentials: Credentials::None,
    id: None,
    parameters: &[],
    body: None,
    success: Success {
        status: 200,
        description: "The description, as OpenAPI 3.1.",
        body: Some((|_| json_schema!({"type": "object"}), || json!({"openapi": "3.1.1"}))),
    },
    errors: &[],
}];

pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::public(app, handle)
}

async fn handle(_app: Arc<App>, request: Request) -> Result<Response, Error> {
    match request.route() {
        "/v1/openapi.json" => Ok(http::json_text(StatusCode::OK, DOCUMENT)),
        "/docs" => Ok(security_headers::protected(security_headers::html(PAGE), &SOURCES)),
        _ => Err(Error::not_found()),
    }
}
