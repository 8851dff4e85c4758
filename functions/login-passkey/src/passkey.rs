//! The login with a passkey alone.

use schemars::JsonSchema;
use serde::Deserialize;
use shared::{
    authorization::denial::Unauthenticated,
    error::Error,
    http::{
        self, Request, Response, StatusCode,
        authenticator_response::AuthenticatorResponse,
        new_session::NewSession,
        request_options::{RequestOptionsView, site},
    },
    model::{
        audit_event::{Action, LoginRejection},
        challenge::{Ceremony, ClaimedChallenge, PendingChallenge},
        passkey::member_of,
    },
    primitives::{
        challenge::Challenge,
        factor::{Factor, Factors},
    },
    rate_limit::login_throttle::Attempt,
    runtime::{app::App, new_source::report_new_source},
    store::StoreError,
};
use webauthn::{RelyingParty, record_use};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PasskeyLogin {
    /// The result of `navigator.credentials.get`.
    credential: AuthenticatorResponse,
}

pub async fn options(app: &App) -> Result<Response, Error> {
    let site = site(app)?;
    let challenge = Challenge::new(&app.random);
    let pending = PendingChallenge::new(challenge, Ceremony::Login, None, app.clock.now());
    app.store.create_challenge(&pending).await?;
    Ok(http::json(StatusCode::OK, &RequestOptionsView::new(site, &challenge, &[])))
}

pub async fn log_in(app: &App, request: &Request) -> Result<Response, Error> {
    let PasskeyLogin { credential } = request.body()?;
    let relying_party = RelyingParty::new(app)?;
    let rejected = || Error::unauthorized(Unauthenticated::PasskeyRejected);
    let challenge = credential.claimed_challenge().ok_or_else(rejected)?;
    let claimed = ClaimedChallenge { challenge, ceremony: Ceremony::Login, member: None };
    let owner = credential.user_handle().and_then(|handle| member_of(&handle));
    let (account_id, user_id) = owner.ok_or_else(rejected)?;
    let audit_context = || request.audit_context(app);
    let now = audit_context().at;
    let loaded = app.store.member_at_passkey_login(&challenge, account_id, user_id, now).await?;
    let (credentials, account) = loaded.ok_or_else(rejected)?;
    let passkeys = app.store.all_passkeys(account_id, user_id).await?;
    let used = match relying_party.authenticate(&credential, &challenge, &passkeys) {
        Ok(used) => used,
        Err(error) => {
            // A challenge is of use once, whether or not the ceremony succeeds.
            app.store.consume_challenge(&claimed, now).await.map_err(rejected_if_used)?;
            return Err(error.of_login());
        }
    };
    let member = &credentials.member;
    if !member.may_log_in(&account) {
        app.store.consume_challenge(&claimed, now).await.map_err(rejected_if_used)?;
        let action = Action::LoginRefused { user_id, reason: LoginRejection::Suspended };
        app.store.record_rejection(account_id, None, action, &audit_context()).await?;
        return Err(Error::account_suspended());
    }
    let peppers = app.peppers().await?;
    let factors = Factors::NONE.with(Factor::Passkey);
    let new = NewSession::new(app, request, member, account.session_epoch, factors, &peppers, now)?;
    let limit = app.sessions_per_member(&account)?;
    let attempt = Attempt::new(member.email.as_str(), request.source_ip(), now, &peppers, &app.random);
    let created = app.store.create_session_with_passkey(
        &new.session,
        &credentials,
        limit,
        &attempt,
        &claimed,
        &used,
        &audit_context,
    );
    let is_from_unrecognized_source = created.await.map_err(rejected_if_used)?;
    report_new_source(app, &credentials, is_from_unrecognized_source, &audit_context()).await;
    record_use(app, &used, &member.email, &audit_context()).await;
    Ok(http::json(StatusCode::OK, &new.view()))
}

/// Converts the error of a write. `NotFound` means that the member was removed during the login.
fn rejected_if_used(error: StoreError) -> Error {
    match error {
        StoreError::NoLongerValid | StoreError::NotFound => {
            Error::unauthorized(Unauthenticated::PasskeyRejected)
        }
        error => error.into(),
    }
}
