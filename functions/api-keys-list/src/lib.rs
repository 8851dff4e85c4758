//! `GET /v1/api-keys`: lists the account's API keys.

use std::sync::Arc;

use schemars::json_schema;
use shared::{
    api_key::ApiKeyView,
    app::App,
    authority::reaches_key,
    cursor::{List, Page},
    error::Error,
    function::Function,
    http::{self, Event, PAGING, Request, Response, StatusCode},
    operation::{Answer, Credentials, Location, Operation, Parameter, schema_of},
    principal::Principal,
};

/// What the API's description says of it.
pub const OPERATIONS: &[Operation] = &[Operation {
    route: "GET /v1/api-keys",
    name: "listApiKeys",
    summary: "List the API keys",
    description: "Newest first. By a session, or by a key with `admin`, which sees those within its own type and scope.",
    credentials: Credentials::KeyOrSession,
    id: None,
    parameters: &[
        PAGING[0],
        PAGING[1],
        Parameter {
            name: "status",
            location: Location::Query,
            description: "`all` adds those that were revoked.",
            schema: |_| json_schema!({"const": "all"}),
        },
    ],
    body: None,
    answer: Answer {
        status: 200,
        description: "A page of keys.",
        body: Some((
            schema_of::<Page<ApiKeyView>>,
            r#"{"data": [{"id": "key_0VpZbQ9sWm40aYeK", "name": "Production Server", "type": "live", "permissions": ["read", "write"],
 "scope": {"projects": ["proj_abc123"]}, "hint": "mt_live_…x7Qd", "status": "active",
 "created_at": "2026-01-30T12:00:00Z", "expires_at": "2027-01-30T12:00:00Z", "last_used_at": null}], "next_cursor": null}"#,
        )),
    },
    refusals: &[],
}];

/// The function.
pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, handle)
}

async fn handle(app: Arc<App>, principal: Principal, request: Request) -> Result<Response, Error> {
    let with_revoked = match request.query("status")? {
        None => false,
        Some("all") => true,
        Some(_) => return Err(Error::bad_field("status", "must be all, or left out")),
    };
    let account_id = principal.account_id();
    let list = List::new("api-keys", account_id);
    let paging = request.paging(&list)?;
    let keys = app
        .store
        .keys(account_id, &paging, |key| reaches_key(&principal, key) && (with_revoked || !key.is_revoked()))
        .await?;
    let now = app.clock.now();
    let page = Page::new(keys, &list, |key| ApiKeyView::new(key, now));
    Ok(http::json(StatusCode::OK, &page))
}
