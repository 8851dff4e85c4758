//! `DELETE /v1/api-keys/{key_id}`: ends an API key.

use std::sync::Arc;

use shared::{
    app::App,
    authority::reachable_key,
    error::Error,
    function::Function,
    http::{self, Event, Request, Response},
    id::KeyId,
    operation::{Answer, Credentials, Operation, schema_of},
    principal::Principal,
};

/// What the API's description says of it.
pub const OPERATIONS: &[Operation] = &[Operation {
    route: "DELETE /v1/api-keys/{key_id}",
    name: "revokeApiKey",
    summary: "Revoke an API key",
    description: "By a session, a key with `admin`, or the key itself. No request that arrives after the answer is let in with any secret of the key.",
    credentials: Credentials::KeyOrSession,
    id: Some(schema_of::<KeyId>),
    parameters: &[],
    body: None,
    answer: Answer::NO_CONTENT,
    refusals: &[],
}];

/// The function.
pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, handle)
}

async fn handle(app: Arc<App>, principal: Principal, request: Request) -> Result<Response, Error> {
    let key = reachable_key(&app, &principal, request.path_id("key_id")?).await?;
    if !key.is_revoked() {
        app.store.revoke_key(&key, &principal, &request.occasion(&app)).await?;
    }
    Ok(http::no_content())
}
