//! `GET /v1/audit-events`: the account's audit trail.

use std::{convert::identity, sync::Arc};

use shared::{
    app::App,
    cursor::{List, Page},
    error::Error,
    function::Function,
    http::{self, Event, Request, Response, StatusCode},
    id::KeyId,
    principal::Principal,
};

/// The function.
pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, handle)
}

async fn handle(app: Arc<App>, principal: Principal, request: Request) -> Result<Response, Error> {
    let account_id = principal.account_id();
    let (list, key) = match request.query("key_id")? {
        None => (List::new("audit-events", account_id), None),
        Some(id) => {
            let key: KeyId = id.parse().map_err(|error| Error::bad_field("key_id", error))?;
            (List::new(format_args!("audit-events/{key}"), account_id), Some(key))
        }
    };
    let paging = request.paging(&list)?;
    let events = app
        .store
        .audit_events(account_id, &paging, |event| key.is_none_or(|key| event.is_about_key(key)))
        .await?;
    let page = Page::new(events, &list, identity);
    Ok(http::json(StatusCode::OK, &page))
}
