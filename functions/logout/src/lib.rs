//! `POST /v1/auth/logout`: ends the caller's session.

use std::sync::Arc;

use shared::{
    app::App,
    error::Error,
    function::Function,
    http::{self, Event, Request, Response},
    principal::Principal,
    store::StoreError,
};

/// The function.
pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, handle)
}

async fn handle(app: Arc<App>, principal: Principal, _request: Request) -> Result<Response, Error> {
    let session = principal.session()?;
    match app.store.end_session(session.account_id, session.user_id, session.session_id).await {
        // Where another request ended it meanwhile, it is as dead.
        Ok(()) | Err(StoreError::NotFound) => Ok(http::no_content()),
        Err(error) => Err(error.into()),
    }
}
