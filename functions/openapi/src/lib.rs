//! `GET /v1/openapi.json`: the OpenAPI document, and `GET /docs`: the same content as a web page. `infra/openapi-document`
//! generates both files. `GET /v1/credentials/patterns`: the patterns of tokens.

use std::sync::{Arc, LazyLock};

use base64::{Engine, prelude::BASE64_STANDARD};
use schemars::json_schema;
use serde_json::json;
use sha2::{Digest, Sha256};
use shared::{
    credentials::token_pattern::TokenPattern,
    error::Error,
    http::{
        self, Event, Request, Response, StatusCode,
        caching::{self, Caching, EntityTag},
        openapi::{Credentials, Operation, Success, Tag, schema_of},
        security_headers,
    },
    runtime::{app::App, function::Function},
};

pub const DOCUMENT: &str = include_str!("../../../openapi.json");
pub const PAGE: &str = include_str!("../docs.html");

/// The directive of the Content Security Policy: the page may only use its own inline style, which is identified by its
/// hash (CSP Level 3, 2.3.1).
static CSP_DIRECTIVE: LazyLock<String> = LazyLock::new(|| {
    let style = PAGE.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>"));
    let (style, _) = style.expect("the page has a style");
    format!("style-src 'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(style)))
});

static DOCUMENT_TAG: LazyLock<EntityTag> = LazyLock::new(|| EntityTag::of(DOCUMENT));
static PAGE_TAG: LazyLock<EntityTag> = LazyLock::new(|| EntityTag::of(PAGE));

static PATTERNS: LazyLock<String> =
    LazyLock::new(|| serde_json::to_string(&TokenPattern::all()).expect("patterns can be serialized"));
static PATTERNS_TAG: LazyLock<EntityTag> = LazyLock::new(|| EntityTag::of(&*PATTERNS));

pub const OPERATIONS: &[Operation] = &[DOCUMENT_OPERATION, PATTERNS_OPERATION];

const PATTERNS_OPERATION: Operation = Operation {
    route: "GET /v1/credentials/patterns",
    function: env!("CARGO_PKG_NAME"),
    tag: Tag::LeakedCredentials,
    name: "listCredentialPatterns",
    summary: "List the patterns of credentials",
    description: "Returns a regular expression for each kind of token, for secret scanners. Report what they find with `POST /v1/credentials/revoke`. The list may be stored for five minutes.",
    credentials: Credentials::None,
    id: None,
    parameters: &[caching::PARAMETER],
    body: None,
    success: Success {
        status: 200,
        description: "All patterns. Each token of the service matches exactly one of them.",
        body: Some((schema_of::<Vec<TokenPattern>>, || json!(TokenPattern::all()))),
    },
    errors: &[],
};

const DOCUMENT_OPERATION: Operation = Operation {
    route: "GET /v1/openapi.json",
    function: env!("CARGO_PKG_NAME"),
    tag: Tag::Service,
    name: "getDescription",
    summary: "Get the OpenAPI document",
    description: "Returns this API's OpenAPI document, for tools that generate clients, tests or documentation. The document may be stored for five minutes.",
    credentials: Credentials::None,
    id: None,
    parameters: &[caching::PARAMETER],
    body: None,
    success: Success {
        status: 200,
        description: "The OpenAPI 3.1 document.",
        body: Some((|_| json_schema!({"type": "object"}), || json!({"openapi": "3.1.1"}))),
    },
    errors: &[],
};

pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::public(app, OPERATIONS, handle)
}

async fn handle(_app: Arc<App>, request: Request) -> Result<Response, Error> {
    match request.route() {
        "/v1/openapi.json" => {
            let document = http::json_text(StatusCode::OK, DOCUMENT);
            Ok(caching::cached(&request, document, &DOCUMENT_TAG, Caching::FiveMinutes))
        }
        "/v1/credentials/patterns" => {
            let patterns = http::json_text(StatusCode::OK, PATTERNS.as_str());
            Ok(caching::cached(&request, patterns, &PATTERNS_TAG, Caching::FiveMinutes))
        }
        "/docs" => {
            let page = security_headers::with_page_headers(security_headers::html(PAGE), &CSP_DIRECTIVE);
            Ok(caching::cached(&request, page, &PAGE_TAG, Caching::FiveMinutes))
        }
        _ => Err(Error::not_found()),
    }
}
