//! `POST /v1/auth/password`: changes the caller's password, and ends all of their other sessions.
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use shared::{
    authorization::{denial::Unauthenticated, principal::Principal},
    credentials::password::{self, NewPassword, Password, PasswordHash},
    error::Error,
    http::{
        self, Event, Request, Response, examples,
        openapi::{Body, Credentials, Operation, Success, Tag, schema_of},
    },
    model::audit_event::Action,
    rate_limit::login_throttle::Attempt,
    runtime::{app::App, function::Function},
    store::StoreError,
};

pub const OPERATIONS: &[Operation] = &[Operation {
    route: "POST /v1/auth/password",
    function: env!("CARGO_PKG_NAME"),
    tag: Tag::Sessions,
    name: "changePassword",
    summary: "Change the password",
    description: "Every other session of the member is dead from then on. A wrong current password counts as a failed login.",
    credentials: Credentials::Session,
    id: None,
    parameters: &[],
    body: Some(Body {
        schema: schema_of::<PasswordChange>,
        example: || json!({"current_password": examples::PASSWORD, "new_password": "two lizards on the 8th wall"}),
        optional: false,
    }),
    success: Success::NO_CONTENT,
    errors: &[
        (403, "The current password is wrong: `Current password is wrong`. Or the caller has no session."),
        (409, "The password was changed, or the session ended, at the same moment."),
        (
            429,
            "Too many attempts failed with this member's address or from this source, or the service is over its limit of requests.",
        ),
    ],
}];

pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, handle)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PasswordChange {
    /// The password as it is. A wrong one is a 403.
    current_password: Password,
    new_password: NewPassword,
}

async fn handle(app: Arc<App>, principal: Principal, request: Request) -> Result<Response, Error> {
    let session = principal.session()?;
    let PasswordChange { current_password, new_password } = request.body()?;
    let audit_context = request.audit_context(&app);
    // Whoever has found a session can't guess on here: it is an attempt to log in like any other.
    let attempt =
        Attempt::new(session.email.as_str(), request.source_ip(), audit_context.at, &*app.peppers().await?);
    // Before the claim, since an attempt that can't be looked at is no failure.
    let permit = password::acquire_permit()?;
    let (claim, found) = app.store.attempt_login(Some(&session.email), attempt).await?;
    // The session may have ended since the authorizer looked. From here on, the write's condition sees to it.
    let seen = found
        .map(|(seen, _)| seen)
        .filter(|seen| seen.member.id == session.user_id && seen.member.has_session_of(session.session_epoch))
        .ok_or_else(|| Error::unauthorized(Unauthenticated::SessionEnded))?;
    let hash = Some(&seen).filter(|seen| !seen.is_disabled()).map(|seen| seen.password.clone());
    let peppers = app.peppers_with(hash.as_ref().map(PasswordHash::pepper_version)).await?;
    if password::verify(permit, hash, current_password, peppers).await?.is_none() {
        let refused = Action::PasswordRefused { user_id: session.user_id };
        app.store.record_refusal(session.account_id, Some(session.into()), refused, &audit_context).await?;
        return Err(Error::forbidden_because("Current password is wrong"));
    }
    let new = match new_password.hash(app.peppers().await?, &app.random).await {
        Ok(new) => new,
        Err(error) => {
            // The current one was right all the same.
            return Err(match app.store.forgive(&claim, &seen.member).await {
                Ok(()) => Error::password_not_hashed("new_password", error),
                // The member was removed meanwhile.
                Err(StoreError::NotFound) => Error::unauthorized(Unauthenticated::SessionEnded),
                Err(error) => error.into(),
            });
        }
    };
    app.store.change_password(&seen, &new, &claim, session, &audit_context).await?;
    Ok(http::no_content())
}
