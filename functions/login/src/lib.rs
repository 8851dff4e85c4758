//! `POST /v1/auth/login`: creates a session.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::{
    authorization::denial::Unauthenticated,
    credentials::{
        digest::TokenDigest,
        one_time_token::Purpose,
        password::{Password, PasswordHash, VerifiedPassword},
        pepper::Peppers,
        token::NewToken,
    },
    error::Error,
    http::{
        self, Event, Request, Response, StatusCode, examples,
        new_session::{LoggedInView, NewSession},
        openapi::{self, Body, Operation, Success, Tag, schema_of},
        request_options::{RequestOptionsView, site},
        second_factor::{SecondFactorNeededView, SecondFactorView},
    },
    model::{
        account::Account,
        audit_event::{Action, AuditContext, LoginRejection},
        login_token::LoginToken,
        member::Member,
    },
    primitives::{challenge::Challenge, email::EmailAddress, factor::Factors, timestamp::Timestamp},
    rate_limit::login_throttle::Attempt,
    runtime::{
        app::App,
        function::Function,
        new_source::report_new_source,
        password_workers::{self, HashPermit},
    },
    store::{AttemptReservation, Credentials, StoreError},
    telemetry::log::TARGET,
};
use tracing::warn;

pub const OPERATIONS: &[Operation] = &[Operation {
    route: "POST /v1/auth/login",
    function: env!("CARGO_PKG_NAME"),
    tag: Tag::Sessions,
    name: "logIn",
    summary: "Log in",
    description: "Creates a session and returns its token, which is shown only once. A wrong password, an unknown address and a removed member all get the same 401. A suspended account gets 403, but only if the password is right. Failed attempts are throttled by email address and by IP address. A member has a limit of sessions; a login beyond it ends the oldest one. For a member with a passkey, the response has no session but `second_factor`: complete the login with `POST /v1/auth/login/second-factor`.",
    credentials: openapi::Credentials::None,
    id: None,
    parameters: &[],
    body: Some(Body {
        schema: schema_of::<Login>,
        example: || json!({"email": "user@example.com", "password": examples::PASSWORD}),
        optional: false,
    }),
    success: Success {
        status: 200,
        description: "The session's token, or a login token if the member has a passkey.",
        body: Some((schema_of::<LogInView>, examples::logged_in)),
    },
    errors: &[
        (
            401,
            "The password is wrong or disabled, or no member has this address. The message is `Invalid email or password`.",
        ),
        (
            403,
            "The password is right, but the member or the account is suspended. The message is `Account suspended`.",
        ),
        (
            409,
            "The password is right and the member has a passkey, but the service has no public URL any more.",
        ),
        (
            429,
            "Too many attempts with this email address or from this IP address failed, or the service received too many requests.",
        ),
    ],
}];

pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::public(app, OPERATIONS, handle)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Login {
    /// The email address of the member. Case is ignored.
    // Text that is not an address gets the same 401 as an unknown address.
    email: String,
    password: Password,
}

/// Every failed login makes the same reads, reserves one attempt, runs Argon2 once and makes one write. Therefore neither
/// the response nor its duration reveals whether the address belongs to a member (OWASP ASVS 5.0.0, 6.3.8).
async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let Login { email, password } = request.body()?;
    let audit_context = request.audit_context(&app);
    let address = EmailAddress::try_from(email.clone()).ok();
    let normalized = address.as_ref().map_or(email.as_str(), EmailAddress::as_str);
    let peppers = app.peppers().await?;
    let attempt = Attempt::new(normalized, request.source_ip(), audit_context.at, &peppers, &app.random);
    // Acquired before the attempt is reserved: a request that gets no permit must not count as a failed attempt.
    let permit = password_workers::acquire_permit()?;
    let (reservation, loaded) = app.store.reserve_login_attempt(address.as_ref(), attempt).await?;
    let login = log_in(&app, &request, &reservation, loaded.as_ref(), password, permit, &audit_context);
    // Boxed, because it is too large for the stack.
    let (authenticated, verified) = app.store.settle_attempt(&reservation, Box::pin(login)).await?;
    if let (Some((credentials, _)), Authenticated::Session { is_from_unrecognized_source, .. }) =
        (&loaded, &authenticated)
    {
        report_new_source(&app, credentials, *is_from_unrecognized_source, &audit_context).await;
    }
    if let Some((credentials, _)) = loaded
        && let Err(error) = rehash_if_outdated(&app, &credentials, verified).await
    {
        // The login succeeded anyway. The next one tries to rehash the password again.
        warn!(target: TARGET, reason = error.reason(), "a password could not be rehashed");
    }
    Ok(authenticated.into_response())
}

/// The result of a login with the right password.
enum Authenticated {
    Session {
        new: NewSession,
        is_from_unrecognized_source: bool,
    },
    /// The member has a passkey, and has to prove that, or a recovery code.
    NeedsSecondFactor {
        token: NewToken,
        options: RequestOptionsView,
        expires_at: Timestamp,
    },
}

/// What a login with the right password returns.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "LogInResult")]
#[serde(untagged)]
enum LogInView<'a> {
    LoggedIn(LoggedInView<'a>),
    SecondFactorNeeded(SecondFactorNeededView<'a>),
}

impl Authenticated {
    fn into_response(self) -> Response {
        match self {
            Self::Session { new, .. } => http::json(StatusCode::OK, &LogInView::LoggedIn(new.view())),
            Self::NeedsSecondFactor { token, options, expires_at } => {
                let second_factor = SecondFactorView { login_token: token.expose(), options, expires_at };
                http::json(
                    StatusCode::OK,
                    &LogInView::SecondFactorNeeded(SecondFactorNeededView { second_factor }),
                )
            }
        }
    }
}

/// Verifies the password of a reserved attempt and creates a session, or a login token if the member has a passkey.
async fn log_in(
    app: &App,
    request: &Request,
    reservation: &AttemptReservation,
    loaded: Option<&(Credentials, Account)>,
    password: Password,
    permit: HashPermit,
    audit_context: &AuditContext,
) -> Result<(Authenticated, VerifiedPassword), Error> {
    let enabled = loaded.filter(|(credentials, _)| !credentials.is_disabled());
    let hash = enabled.map(|(credentials, _)| credentials.password.clone());
    let peppers = app.peppers_with(hash.as_ref().map(PasswordHash::pepper_version)).await?;
    let verified = password_workers::verify(permit, hash, password, Arc::clone(&peppers)).await?;
    let Some((credentials, account)) = loaded else {
        reservation.fail();
        app.store.write_decoy_event(audit_context).await?;
        return Err(Error::login_failed(Unauthenticated::UnknownAddress));
    };
    let member = &credentials.member;
    let Member { id: user_id, account_id, .. } = *member;
    let Some(verified) = verified else {
        reservation.fail();
        let (reason, cause) = if credentials.is_disabled() {
            (LoginRejection::PasswordDisabled, Unauthenticated::PasswordDisabled)
        } else {
            (LoginRejection::WrongPassword, Unauthenticated::WrongPassword)
        };
        let rejected = Action::LoginRefused { user_id, reason };
        app.store.record_rejection(account_id, None, rejected, audit_context).await?;
        return Err(Error::login_failed(cause));
    };
    if !member.may_log_in(account) {
        if member.has_passkeys() {
            reservation.do_not_count();
            let rejected = Action::LoginRefused { user_id, reason: LoginRejection::Suspended };
            app.store.record_rejection(account_id, None, rejected, audit_context).await?;
            return Err(Error::account_suspended());
        }
        app.store
            .reject_suspended_login(reservation, member, audit_context)
            .await
            .map_err(login_failed_if_removed)?;
        return Err(Error::account_suspended());
    }

    let now = audit_context.at;
    if member.has_passkeys() {
        let pending = start_second_factor(app, member, account, &peppers, now).await?;
        reservation.do_not_count();
        return Ok((pending, verified));
    }
    let factors = Factors::PASSWORD;
    let new = NewSession::new(app, request, member, account.session_epoch, factors, &peppers, now)?;
    let limit = app.sessions_per_member(account)?;
    let events = || request.audit_context(app);
    let created = app.store.create_session(&new.session, credentials, limit, reservation, events).await;
    let is_from_unrecognized_source = created.map_err(login_failed_if_removed)?;
    Ok((Authenticated::Session { new, is_from_unrecognized_source }, verified))
}

/// Creates a login token, with which the member can prove the second factor.
async fn start_second_factor(
    app: &App,
    member: &Member,
    account: &Account,
    peppers: &Peppers,
    now: Timestamp,
) -> Result<Authenticated, Error> {
    let site = site(app)?;
    let Member { id: user_id, account_id, .. } = *member;
    let passkeys = app.store.all_passkeys(account_id, user_id).await?;
    let challenge = Challenge::new(&app.random);
    let mac_key = app.token_mac_key()?;
    let token = NewToken::for_one_use(Purpose::SecondFactor, account_id, user_id, mac_key, &app.random);
    let digest = TokenDigest::of(token.expose(), peppers);
    let pending = LoginToken::new(member, account, digest, challenge, now);
    app.store.create_login_token(&pending).await?;
    let options = RequestOptionsView::new(site, &challenge, &passkeys);
    Ok(Authenticated::NeedsSecondFactor { token, options, expires_at: pending.expires_at })
}

/// Replaces the stored hash with one that uses the current pepper and the current Argon2 parameters, unless it does already.
async fn rehash_if_outdated(
    app: &App,
    credentials: &Credentials,
    verified: VerifiedPassword,
) -> Result<(), Error> {
    let peppers = app.peppers().await?;
    if !credentials.password.is_outdated(&peppers) {
        return Ok(());
    }
    let rehashed = password_workers::rehash(verified, peppers, &app.random).await?;
    Ok(app.store.replace_password_hash(credentials, &rehashed).await?)
}

/// Converts the error of a write. `NotFound` means that the member was removed during the login, so the address is unknown.
fn login_failed_if_removed(error: StoreError) -> Error {
    match error {
        StoreError::NotFound => Error::login_failed(Unauthenticated::UnknownAddress),
        error => error.into(),
    }
}
