//! `POST /v1/auth/login`: begins a session.
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::{
    authorization::denial::Unauthenticated,
    credentials::{
        digest::TokenDigest,
        password::{self, Password, PasswordHash, Verified},
        pepper::Peppers,
        token::NewToken,
    },
    error::Error,
    http::{
        self, Event, Request, Response, StatusCode, examples,
        openapi::{Body, Credentials, Operation, Success, Tag, schema_of},
    },
    model::{
        account::AccountStatus,
        audit_event::{Action, LoginRefusal},
        member::Member,
        session::{MAX_USER_AGENT_CHARS, SESSION_LIFETIME, Session},
    },
    primitives::{email::EmailAddress, id::SessionId, timestamp::Timestamp},
    rate_limit::login_throttle::Attempt,
    runtime::{app::App, function::Function},
    store::{self, StoreError},
    telemetry::log::TARGET,
};
use tracing::warn;

pub const OPERATIONS: &[Operation] = &[Operation {
    route: "POST /v1/auth/login",
    function: env!("CARGO_PKG_NAME"),
    tag: Tag::Sessions,
    name: "logIn",
    summary: "Log in",
    description: "Wrong password, unknown address and removed member are answered alike. A suspended account is told so, and only after the right password. Attempts are throttled by address and by source.",
    credentials: Credentials::None,
    id: None,
    parameters: &[],
    body: Some(Body {
        schema: schema_of::<Login>,
        example: || json!({"email": "user@example.com", "password": examples::PASSWORD}),
        optional: false,
    }),
    success: Success {
        status: 200,
        description: "The session's token, which is shown once.",
        body: Some((
            schema_of::<LoggedIn>,
            || json!({"session_token": "sess_0VpZbQ3kd81xTq7M0VpZbQ9sWm40aYeK0VpZbQ9sWm40aYeL4Vn1tqOQ5nXyLkB8c2pG7HfRzJdTwMsEx7Qd4f", "expires_at": "2026-01-30T12:00:00Z"}),
        )),
    },
    errors: &[
        (
            401,
            "Wrong password, unknown address, removed member or disabled password: `Invalid email or password`.",
        ),
        (403, "The right password of a suspended account or member: `Account suspended`."),
        (
            429,
            "Too many attempts failed with this address or from this source, or the service is over its limit of requests.",
        ),
    ],
}];

pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::public(app, handle)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Login {
    /// Any text: one that is no address is nobody's.
    email: String,
    password: Password,
}

#[derive(Serialize, JsonSchema)]
struct LoggedIn<'a> {
    /// The session's token, to be sent as `Authorization: Session …`. It is shown this once.
    session_token: &'a str,
    /// When the session ends, if it is not left unused for an hour before.
    expires_at: Timestamp,
}

/// Every failure takes the same reads, the same claim, one Argon2 run and one write, so that neither answer nor
/// time tells whose addresses these are (OWASP ASVS 5.0.0, 6.3.8).
async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let Login { email, password } = request.body()?;
    let audit_context = request.audit_context(&app);
    let address = EmailAddress::try_from(email.clone()).ok();
    let tried = address.as_ref().map_or(email.as_str(), EmailAddress::as_str);
    let attempt = Attempt::new(tried, request.source_ip(), audit_context.at, &*app.peppers().await?);
    // Before the claim, since an attempt that can't be looked at is no failure.
    let permit = password::acquire_permit()?;
    let (claim, found) = app.store.attempt_login(address.as_ref(), attempt).await?;
    let enabled = found.as_ref().filter(|(credentials, _)| !credentials.is_disabled());
    let hash = enabled.map(|(credentials, _)| credentials.password.clone());
    let peppers = app.peppers_with(hash.as_ref().map(PasswordHash::pepper_version)).await?;
    let verified = password::verify(permit, hash, password, Arc::clone(&peppers)).await?;
    let Some((credentials, account)) = found else {
        app.store.record_nothing().await?;
        return Err(Error::wrong_login(Unauthenticated::UnknownAddress));
    };
    let member = &credentials.member;
    let Member { id: user_id, account_id, .. } = *member;
    let Some(verified) = verified else {
        let (reason, cause) = if credentials.is_disabled() {
            (LoginRefusal::PasswordDisabled, Unauthenticated::PasswordDisabled)
        } else {
            (LoginRefusal::WrongPassword, Unauthenticated::WrongPassword)
        };
        let refused = Action::LoginRefused { user_id, reason };
        app.store.record_refusal(account_id, None, refused, &audit_context).await?;
        return Err(Error::wrong_login(cause));
    };
    if account.status == AccountStatus::Suspended || !member.is_active() {
        app.store.refuse_suspended(&claim, member, &audit_context).await.map_err(removed_meanwhile)?;
        return Err(Error::forbidden_because("Account suspended"));
    }

    let now = audit_context.at;
    let id = SessionId::new(&app.clock, &app.random);
    let token = NewToken::for_session(account_id, user_id, id, &app.random);
    let session = Session {
        id,
        account_id,
        user_id,
        digest: TokenDigest::of(token.expose(), &peppers),
        // Read together with the password: if that was changed meanwhile, this session is of an epoch past.
        epoch: member.session_epoch,
        created_at: now,
        expires_at: now.plus_seconds(SESSION_LIFETIME),
        last_used_at: None,
        user_agent: request.user_agent().map(|name| name.chars().take(MAX_USER_AGENT_CHARS).collect()),
    };
    app.store.create_session(&session, &claim, &audit_context).await.map_err(removed_meanwhile)?;
    if credentials.password.is_outdated(&peppers)
        && let Err(error) = renew(&app, &credentials, verified, peppers).await
    {
        // The session stands, so the login is none the worse for it. The next one tries again.
        warn!(target: TARGET, reason = error.reason(), "a password could not be hashed anew");
    }
    let answer = LoggedIn { session_token: token.expose(), expires_at: session.expires_at };
    Ok(http::json(StatusCode::OK, &answer))
}

/// Hashes the password with the current pepper and today's parameters.
async fn renew(
    app: &App,
    credentials: &store::Credentials,
    verified: Verified,
    peppers: Arc<Peppers>,
) -> Result<(), Error> {
    let rehashed = verified.hash(peppers, &app.random).await?;
    Ok(app.store.replace_password_hash(credentials, &rehashed).await?)
}

/// A member who was removed while they logged in has no address any more.
fn removed_meanwhile(error: StoreError) -> Error {
    match error {
        StoreError::NotFound => Error::wrong_login(Unauthenticated::UnknownAddress),
        error => error.into(),
    }
}
