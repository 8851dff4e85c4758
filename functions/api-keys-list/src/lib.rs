//! `GET /v1/api-keys`: lists the account's API keys.

use std::{str::FromStr, sync::Arc};

use schemars::json_schema;
use shared::{
    authorization::{delegation::reaches_key, principal::Principal},
    error::Error,
    http::{
        self, Event, PAGING, Request, Response, StatusCode, examples,
        openapi::{Credentials, Location, Operation, Parameter, Success, Tag, schema_of},
        views::{ApiKeyView, PageView},
    },
    primitives::pagination::List,
    runtime::{app::App, function::Function},
};

pub const OPERATIONS: &[Operation] = &[Operation {
    route: "GET /v1/api-keys",
    function: env!("CARGO_PKG_NAME"),
    tag: Tag::ApiKeys,
    name: "listApiKeys",
    summary: "List API keys",
    description: "Returns the account's API keys without their secrets, newest first. Requires a session, or an API key with `admin`. An API key only gets the keys that it can access.",
    credentials: Credentials::KeyOrSession,
    id: None,
    parameters: &[
        PAGING[0],
        PAGING[1],
        Parameter {
            name: "status",
            location: Location::Query,
            description: "Which keys to return. If left out, revoked keys are not returned. `all` includes them.",
            schema: |_| json_schema!({"const": "all"}),
        },
    ],
    body: None,
    success: Success {
        status: 200,
        description: "A page of API keys.",
        body: Some((schema_of::<PageView<ApiKeyView>>, || examples::page(&examples::api_key()))),
    },
    errors: &[],
}];

pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, OPERATIONS, handle)
}

/// The value of the query parameter `status`: it is always `all`.
struct AllStatuses;

impl FromStr for AllStatuses {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        if text == "all" { Ok(Self) } else { Err("must be `all` if it is given") }
    }
}

async fn handle(app: Arc<App>, principal: Principal, request: Request) -> Result<Response, Error> {
    let with_revoked = request.query::<AllStatuses>("status")?.is_some();
    let account_id = principal.account_id();
    let list = List::new("api-keys", account_id);
    let paging = request.paging(&list)?;
    let keys = app
        .store
        .keys(account_id, &paging, |key| reaches_key(&principal, key) && (with_revoked || !key.is_revoked()))
        .await?;
    let now = app.clock.now();
    let page = PageView::new(keys, &list, |key| ApiKeyView::new(key, now));
    Ok(http::json(StatusCode::OK, &page))
}
