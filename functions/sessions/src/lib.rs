//! `/v1/auth/sessions`: the caller's sessions.

use std::sync::Arc;

use shared::{
    app::App,
    cursor::{List, Page},
    error::Error,
    function::Function,
    http::{self, Event, Request, Response, StatusCode},
    principal::{Principal, SessionPrincipal},
    session::SessionView,
};

/// The function.
pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, handle)
}

async fn handle(app: Arc<App>, principal: Principal, request: Request) -> Result<Response, Error> {
    let caller = principal.session()?;
    match request.method() {
        "GET" => list(&app, caller, &request).await,
        "DELETE" => end(&app, caller, &request).await,
        _ => Err(Error::not_found()),
    }
}

async fn list(app: &App, caller: &SessionPrincipal, request: &Request) -> Result<Response, Error> {
    let list = List::new("sessions", caller.user_id);
    let paging = request.paging(&list)?;
    let now = app.clock.now();
    let sessions = app
        .store
        .sessions(caller.account_id, caller.user_id, &paging, |session| {
            session.epoch == caller.session_epoch && !session.has_expired(now)
        })
        .await?;
    let page = Page::new(sessions, &list, |session| SessionView::new(session, caller.session_id));
    Ok(http::json(StatusCode::OK, &page))
}

async fn end(app: &App, caller: &SessionPrincipal, request: &Request) -> Result<Response, Error> {
    let id = request.path_id("session_id")?;
    app.store.end_session(caller.account_id, caller.user_id, id).await?;
    Ok(http::no_content())
}
