//! `GET /v1/api-keys/{key_id}`: shows one API key.

use std::sync::Arc;

use shared::{
    api_key::ApiKeyView,
    app::App,
    authority::reachable_key,
    error::Error,
    function::Function,
    http::{self, Event, Request, Response, StatusCode},
    id::KeyId,
    operation::{Answer, Credentials, Operation, schema_of},
    principal::Principal,
};

/// What the API's description says of it.
pub const OPERATIONS: &[Operation] = &[Operation {
    route: "GET /v1/api-keys/{key_id}",
    name: "getApiKey",
    summary: "Show an API key",
    description: "By a session, a key with `admin`, or the key itself.",
    credentials: Credentials::KeyOrSession,
    id: Some(schema_of::<KeyId>),
    parameters: &[],
    body: None,
    answer: Answer {
        status: 200,
        description: "The key.",
        body: Some((
            schema_of::<ApiKeyView>,
            r#"{"id": "key_0VpZbQ9sWm40aYeK", "name": "Production Server", "type": "live", "permissions": ["read", "write"],
 "scope": {"projects": ["proj_abc123"]}, "hint": "mt_live_…x7Qd", "status": "active",
 "created_at": "2026-01-30T12:00:00Z", "expires_at": "2027-01-30T12:00:00Z", "last_used_at": null}"#,
        )),
    },
    refusals: &[],
}];

/// The function.
pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, handle)
}

async fn handle(app: Arc<App>, principal: Principal, request: Request) -> Result<Response, Error> {
    let key = reachable_key(&app, &principal, request.path_id("key_id")?).await?;
    Ok(http::json(StatusCode::OK, &ApiKeyView::new(key, app.clock.now())))
}
