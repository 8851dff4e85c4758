//! `POST /v1/auth/password`: changes the caller's password, and ends all of their other sessions.

use std::sync::Arc;

use serde::Deserialize;
use shared::{
    app::App,
    audit::Action,
    error::Error,
    function::Function,
    http::{self, Event, Request, Response},
    password::{self, NewPassword, Password},
    principal::Principal,
    refusal::Unauthenticated,
};

/// The function.
pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, handle)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PasswordChange {
    current_password: Password,
    new_password: NewPassword,
}

async fn handle(app: Arc<App>, principal: Principal, request: Request) -> Result<Response, Error> {
    let session = principal.session()?;
    let PasswordChange { current_password, new_password } = request.body()?;
    // The session may have ended since the authorizer looked. From here on, the write's condition sees to it.
    let found = app.store.credentials(session.account_id, session.user_id).await?;
    let seen = found
        .filter(|seen| seen.member.has_session_of(session.session_epoch))
        .ok_or_else(|| Error::unauthorized(Unauthenticated::SessionEnded))?;
    let peppers = app.peppers_with(Some(seen.password.pepper_version())).await?;
    if password::verify(Some(seen.password.clone()), current_password, peppers).await?.is_none() {
        let refused = Action::PasswordRefused { user_id: session.user_id };
        let occasion = request.occasion(&app);
        app.store.record_refusal(session.account_id, Some(session.into()), refused, &occasion).await?;
        return Err(Error::forbidden_because("Current password is wrong"));
    }
    let new = new_password
        .hash(app.peppers().await?, &app.random)
        .await
        .map_err(|error| error.in_field("new_password"))?;
    app.store.change_password(&seen, &new, session, &request.occasion(&app)).await?;
    Ok(http::no_content())
}
