//! `POST /v1/auth/logout`: ends the caller's session.

use std::sync::Arc;

use shared::{
    authorization::principal::Principal,
    error::Error,
    http::{
        self, Event, Request, Response,
        openapi::{Credentials, Operation, Success, Tag},
    },
    runtime::{app::App, function::Function},
    store::StoreError,
};

pub const OPERATIONS: &[Operation] = &[Operation {
    route: "POST /v1/auth/logout",
    function: env!("CARGO_PKG_NAME"),
    tag: Tag::Sessions,
    name: "logOut",
    summary: "Log out",
    description: "Ends the caller's session. Its token is invalid as soon as this request returns.",
    credentials: Credentials::Session,
    id: None,
    parameters: &[],
    body: None,
    success: Success::NO_CONTENT,
    errors: &[],
}];

pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, OPERATIONS, handle)
}

async fn handle(app: Arc<App>, principal: Principal, request: Request) -> Result<Response, Error> {
    let session = principal.session()?;
    match app.store.end_session(session, session.session_id, &request.audit_context(&app)).await {
        // `NotFound`: a concurrent request has already ended the session.
        Ok(()) | Err(StoreError::NotFound) => Ok(http::no_content()),
        Err(error) => Err(error.into()),
    }
}
