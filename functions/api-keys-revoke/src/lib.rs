//! `DELETE /v1/api-keys/{key_id}`: revokes an API key.

use std::sync::Arc;

use shared::{
    authorization::principal::Principal,
    error::Error,
    http::{
        self, Event, Request, Response,
        openapi::{Credentials, Operation, Success, Tag, schema_of},
    },
    primitives::id::KeyId,
    runtime::{app::App, function::Function, lookup::manageable_key},
};

pub const OPERATIONS: &[Operation] = &[Operation {
    route: "DELETE /v1/api-keys/{key_id}",
    function: env!("CARGO_PKG_NAME"),
    tag: Tag::ApiKeys,
    name: "revokeApiKey",
    summary: "Revoke an API key",
    description: "Revokes an API key permanently. All of its secrets are invalid as soon as this request returns. Revoking a revoked key has no effect. Requires a session with `admin`, a session of the member who created the key, an API key with `admin` that can access the key, or the key itself.",
    credentials: Credentials::KeyOrSession,
    id: Some(schema_of::<KeyId>),
    parameters: &[],
    body: None,
    success: Success::NO_CONTENT,
    errors: &[(403, "The caller is neither an admin, nor the creator of the key, nor the key itself.")],
}];

pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, OPERATIONS, handle)
}

async fn handle(app: Arc<App>, principal: Principal, request: Request) -> Result<Response, Error> {
    let key = manageable_key(&app, &principal, request.path_id("key_id")?).await?;
    if !key.is_revoked() {
        app.store.revoke_key(&key, &principal, &request.audit_context(&app)).await?;
    }
    Ok(http::no_content())
}
