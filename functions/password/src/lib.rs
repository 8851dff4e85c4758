//! `POST /v1/auth/password`: changes the caller's password and ends all of their other sessions.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use shared::{
    authorization::{denial::Unauthenticated, principal::Principal},
    credentials::{
        password::{NewPassword, Password},
        password_rules::PasswordContext,
    },
    error::Error,
    http::{
        self, Event, Request, Response, examples,
        openapi::{Body, Credentials, Operation, Success, Tag, schema_of},
    },
    model::mail::{Mail, Message},
    rate_limit::login_throttle::Attempt,
    runtime::{
        app::App,
        function::Function,
        own_password::{OwnPassword, OwnPasswordAttempt},
        password_workers,
    },
    store::StoreError,
};

pub const OPERATIONS: &[Operation] = &[Operation {
    route: "POST /v1/auth/password",
    function: env!("CARGO_PKG_NAME"),
    tag: Tag::Sessions,
    name: "changePassword",
    summary: "Change your password",
    description: "Changes the password of the caller and ends all of their other sessions. A wrong current password counts as a failed login. The new password must not be the current one.",
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
        (
            403,
            "The current password is wrong (the message is `Current password is wrong`), or the caller is an API key.",
        ),
        (409, "The password was changed or the session was ended by a concurrent request."),
        (
            429,
            "Too many attempts with this member's email address or from this IP address failed, or the service received too many requests.",
        ),
    ],
}];

pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, OPERATIONS, handle)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PasswordChange {
    /// The password to replace.
    current_password: Password,
    /// The password to use from now on.
    // Its length is checked after the current password, so that the response to a wrong current password does not depend on it.
    #[schemars(with = "NewPassword")]
    new_password: Password,
}

async fn handle(app: Arc<App>, principal: Principal, request: Request) -> Result<Response, Error> {
    let session = principal.session()?;
    let PasswordChange { current_password, new_password } = request.body()?;
    let audit_context = request.audit_context(&app);
    // Counts as a login attempt, so that a stolen session can't be used to guess the password.
    let peppers = app.peppers().await?;
    let attempt =
        Attempt::new(session.email.as_str(), request.source_ip(), audit_context.at, &peppers, &app.random);
    // Acquired before the attempt is reserved: a request that gets no permit must not count as a failed attempt.
    let permit = password_workers::acquire_permit()?;
    let (reservation, loaded) = app.store.reserve_login_attempt(Some(&session.email), attempt).await?;
    let change = async {
        let attempt = OwnPasswordAttempt {
            session,
            password: current_password,
            permit,
            reservation: &reservation,
            audit_context: &audit_context,
        };
        let OwnPassword { credentials, account, verified: current } = attempt
            .verify(&app, loaded)
            .await?
            .ok_or_else(|| Error::forbidden_with_message("Current password is wrong"))?;
        let context = PasswordContext::new(session.email.clone(), account.name);
        let new_hash = async {
            let new = NewPassword::try_from(new_password)
                .map_err(|invalid| Error::bad_field("new_password", invalid))?;
            let peppers = app.peppers().await?;
            password_workers::hash(new, Some(current), context, "new_password", peppers, &app.random).await
        };
        let new_hash = match new_hash.await {
            Ok(hash) => hash,
            Err(error) => {
                // The current password was right, so the attempt doesn't count as failed.
                return Err(
                    match app.store.record_correct_password(&reservation, &credentials.member).await {
                        Ok(()) => error,
                        // The member was removed in the meantime.
                        Err(StoreError::NotFound) => Error::unauthorized(Unauthenticated::SessionEnded),
                        Err(error) => error.into(),
                    },
                );
            }
        };
        app.store.change_password(&credentials, &new_hash, &reservation, session, &audit_context).await?;
        Ok(())
    };
    // Boxed, because it is too large for the stack.
    app.store.settle_attempt(&reservation, Box::pin(change)).await?;
    let message = Message::PasswordChanged((&audit_context).into());
    app.send_mail(&Mail::to(session.account_id, &session.email, message)).await;
    Ok(http::no_content())
}
