//! `DELETE /v1/api-keys/{key_id}`: ends an API key.

use std::sync::Arc;

use shared::{
    app::App,
    authority::reachable_key,
    error::Error,
    function::Function,
    http::{self, Event, Request, Response},
    principal::Principal,
};

/// The function.
pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, handle)
}

async fn handle(app: Arc<App>, principal: Principal, request: Request) -> Result<Response, Error> {
    let key = reachable_key(&app, &principal, request.path_id("key_id")?).await?;
    app.store.revoke_key(&key, &principal, &request.occasion(&app)).await?;
    Ok(http::no_content())
}
