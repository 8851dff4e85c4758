//! `GET /v1/api-keys`: lists the account's API keys.

use std::sync::Arc;

use shared::{
    api_key::ApiKeyView,
    app::App,
    authority::reaches_key,
    cursor::{List, Page},
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
