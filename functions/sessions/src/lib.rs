//! `/v1/auth/sessions`: lists and ends the caller's sessions.

use std::sync::Arc;

use shared::{
    authorization::principal::{Principal, SessionPrincipal},
    error::Error,
    http::{
        self, Event, PAGING, Request, Response, StatusCode, examples,
        openapi::{Credentials, Operation, Success, Tag, schema_of},
        views::{PageView, SessionView},
    },
    primitives::{id::SessionId, pagination::List},
    runtime::{app::App, function::Function},
};

pub const OPERATIONS: &[Operation] = &[
    Operation {
        route: "GET /v1/auth/sessions",
        function: env!("CARGO_PKG_NAME"),
        tag: Tag::Sessions,
        name: "listSessions",
        summary: "List your sessions",
        description: "Returns the active sessions of the caller, newest first.",
        credentials: Credentials::Session,
        id: None,
        parameters: &PAGING,
        body: None,
        success: Success {
            status: 200,
            description: "A page of sessions.",
            body: Some((schema_of::<PageView<SessionView>>, || examples::page(&examples::session()))),
        },
        errors: &[],
    },
    Operation {
        route: "DELETE /v1/auth/sessions",
        function: env!("CARGO_PKG_NAME"),
        tag: Tag::Sessions,
        name: "endOtherSessions",
        summary: "End all other sessions",
        description: "Ends all of the caller's sessions except for the one that this request is sent with. Logins that are in progress count as other sessions.",
        credentials: Credentials::Session,
        id: None,
        parameters: &[],
        body: None,
        success: Success::NO_CONTENT,
        errors: &[(
            409,
            "A concurrent request ended this session or changed the member first, for example by ending all other sessions.",
        )],
    },
    Operation {
        route: "DELETE /v1/auth/sessions/{session_id}",
        function: env!("CARGO_PKG_NAME"),
        tag: Tag::Sessions,
        name: "endSession",
        summary: "End a session",
        description: "Ends one of the caller's sessions. Its token is invalid as soon as this request returns.",
        credentials: Credentials::Session,
        id: Some(schema_of::<SessionId>),
        parameters: &[],
        body: None,
        success: Success::NO_CONTENT,
        errors: &[],
    },
];

pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, OPERATIONS, handle)
}

async fn handle(app: Arc<App>, principal: Principal, request: Request) -> Result<Response, Error> {
    let caller = principal.session()?;
    match (request.method(), request.route()) {
        ("GET", "/v1/auth/sessions") => list(&app, caller, &request).await,
        ("DELETE", "/v1/auth/sessions") => {
            app.store.end_other_sessions(caller, &request.audit_context(&app)).await?;
            Ok(http::no_content())
        }
        ("DELETE", "/v1/auth/sessions/{session_id}") => end(&app, caller, &request).await,
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
            session.started_in_epochs(caller.session_epoch, caller.account_epoch) && !session.has_expired(now)
        })
        .await?;
    let page = PageView::new(sessions, &list, |session| SessionView::new(session, Some(caller.session_id)));
    Ok(http::json(StatusCode::OK, &page))
}

async fn end(app: &App, caller: &SessionPrincipal, request: &Request) -> Result<Response, Error> {
    let id = request.path_id("session_id")?;
    app.store.end_session(caller, id, &request.audit_context(app)).await?;
    Ok(http::no_content())
}
