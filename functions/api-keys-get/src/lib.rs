//! `GET /v1/api-keys/{key_id}`: shows one API key.

use std::sync::Arc;

use shared::{
    api_key::ApiKeyView,
    app::App,
    authority::reachable_key,
    error::Error,
    function::Function,
    http::{self, Event, Request, Response, StatusCode},
    principal::Principal,
};

/// The function.
pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, handle)
}

async fn handle(app: Arc<App>, principal: Principal, request: Request) -> Result<Response, Error> {
    let key = reachable_key(&app, &principal, request.path_id("key_id")?).await?;
    Ok(http::json(StatusCode::OK, &ApiKeyView::new(key, app.clock.now())))
}
