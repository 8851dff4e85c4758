//! `GET /v1/api-keys/{key_id}`: returns an API key.

use std::sync::Arc;

use shared::{
    authorization::principal::Principal,
    error::Error,
    http::{
        self, Event, Request, Response, StatusCode, examples,
        openapi::{Credentials, Operation, Success, Tag, schema_of},
        views::ApiKeyView,
    },
    primitives::id::KeyId,
    runtime::{app::App, function::Function, lookup::reachable_key_and_account},
};

pub const OPERATIONS: &[Operation] = &[Operation {
    route: "GET /v1/api-keys/{key_id}",
    function: env!("CARGO_PKG_NAME"),
    tag: Tag::ApiKeys,
    name: "getApiKey",
    summary: "Get an API key",
    description: "Returns an API key without its secret. Requires a session, an API key with `admin` that can access the key, or the key itself.",
    credentials: Credentials::KeyOrSession,
    id: Some(schema_of::<KeyId>),
    parameters: &[],
    body: None,
    success: Success {
        status: 200,
        description: "The API key.",
        body: Some((schema_of::<ApiKeyView>, examples::api_key)),
    },
    errors: &[],
}];

pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, OPERATIONS, handle)
}

async fn handle(app: Arc<App>, principal: Principal, request: Request) -> Result<Response, Error> {
    let (key, account) = reachable_key_and_account(&app, &principal, request.path_id("key_id")?).await?;
    Ok(http::json(StatusCode::OK, &ApiKeyView::new(key, &account.policy, app.clock.now())))
}
