//! The second step of a login, after the password.

use schemars::JsonSchema;
use serde::Deserialize;
use shared::{
    authorization::denial::Unauthenticated,
    credentials::{
        one_time_token::{OneTimeToken, Purpose},
        recovery_code::RecoveryCodeText,
        secret_text::SecretText,
    },
    error::Error,
    http::{
        self, Request, Response, StatusCode,
        authenticator_response::AuthenticatorResponse,
        new_session::NewSession,
        patch::{present, without_defaults},
    },
    model::{
        account::Account,
        audit_event::Action,
        login_token::LoginToken,
        mail::{Mail, Message},
        member::Member,
        passkey::Passkey,
        recovery_codes::RecoveryCodes,
    },
    primitives::{
        factor::{Factor, Factors},
        timestamp::Timestamp,
    },
    rate_limit::login_throttle::Attempt,
    runtime::{app::App, new_source::report_new_source},
    store::{AttemptReservation, Credentials, SecondFactor, StoreError, UsedRecoveryCode},
};
use webauthn::{RelyingParty, record_use};

/// `login_token`, and exactly one of the other two fields.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = without_defaults, extend("minProperties" = 2, "maxProperties" = 2))]
pub struct SecondFactorLogin {
    /// The token from the response to the login with the password.
    login_token: SecretText,
    /// The result of `navigator.credentials.get` with the options from that response.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "AuthenticatorResponse")]
    credential: Option<AuthenticatorResponse>,
    /// One of the member's recovery codes.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "RecoveryCodeText")]
    recovery_code: Option<RecoveryCodeText>,
}

/// What a request contains beside the login token.
enum Proof {
    Passkey(RelyingParty, AuthenticatorResponse),
    RecoveryCode(RecoveryCodeText),
}

/// What is stored for the verification of a [`Proof`].
enum Stored {
    Passkeys(Vec<Passkey>),
    RecoveryCodes(Option<RecoveryCodes>),
}

/// Whether a second factor is right.
enum Verification<'a> {
    Verified(SecondFactor<'a>),
    /// Contains the error for the caller.
    Rejected(Error),
}

impl Proof {
    fn new(
        app: &App,
        credential: Option<AuthenticatorResponse>,
        recovery_code: Option<RecoveryCodeText>,
    ) -> Result<Self, Error> {
        match (credential, recovery_code) {
            (Some(credential), None) => Ok(Self::Passkey(RelyingParty::new(app)?, credential)),
            (None, Some(code)) => Ok(Self::RecoveryCode(code)),
            _ => Err(Error::bad_field(
                "credential",
                "is required unless there is a `recovery_code`, and must be missing otherwise",
            )),
        }
    }

    fn factor(&self) -> Factor {
        match self {
            Self::Passkey(..) => Factor::Passkey,
            Self::RecoveryCode(_) => Factor::RecoveryCode,
        }
    }

    async fn load(&self, app: &App, member: &Member) -> Result<Stored, StoreError> {
        let Member { account_id, id, .. } = *member;
        Ok(match self {
            Self::Passkey(..) => Stored::Passkeys(app.store.all_passkeys(account_id, id).await?),
            Self::RecoveryCode(_) => Stored::RecoveryCodes(app.store.recovery_codes(account_id, id).await?),
        })
    }

    /// Verifies the second factor.
    ///
    /// # Errors
    /// If that cannot be done, which is not the member's fault.
    async fn verify<'a>(
        &self,
        app: &App,
        token: &LoginToken,
        stored: &'a Stored,
    ) -> Result<Verification<'a>, Error> {
        let wrong_code = || Verification::Rejected(Error::unauthorized(Unauthenticated::WrongRecoveryCode));
        match (self, stored) {
            (Self::Passkey(relying_party, credential), Stored::Passkeys(passkeys)) => {
                let Some(challenge) = token.challenge else {
                    return Ok(Verification::Rejected(Error::unauthorized(Unauthenticated::PasskeyRejected)));
                };
                match relying_party.authenticate(credential, &challenge, passkeys) {
                    Ok(used) => Ok(Verification::Verified(SecondFactor::Passkey(used))),
                    Err(error) if error.is_internal() => Err(error.of_login()),
                    Err(error) => Ok(Verification::Rejected(error.of_login())),
                }
            }
            (Self::RecoveryCode(code), Stored::RecoveryCodes(Some(codes))) => {
                let peppers = app.peppers_with(codes.pepper_versions()).await?;
                let number = codes.find(code, &peppers).map_err(Error::unavailable)?;
                let used = number.and_then(|number| {
                    let (number, digest) = codes.digests.get_key_value(number)?;
                    Some(SecondFactor::RecoveryCode(UsedRecoveryCode { number, digest }))
                });
                Ok(used.map_or_else(wrong_code, Verification::Verified))
            }
            // The member has no recovery codes.
            _ => Ok(wrong_code()),
        }
    }
}

/// Only a valid login token leads to an attempt, so nobody can use up the attempts of a member without the password.
pub async fn log_in(app: &App, request: &Request) -> Result<Response, Error> {
    let SecondFactorLogin { login_token, credential, recovery_code } = request.body()?;
    let proof = Proof::new(app, credential, recovery_code)?;
    let token = OneTimeToken::parse(Purpose::SecondFactor, login_token.expose(), app.token_mac_key()?)?;
    let loaded = app.store.login_token(token.account_id, token.user_id).await?;
    let (pending, credentials, account) = loaded.ok_or_else(invalid_token)?;
    let now = request.audit_context(app).at;
    let peppers = app.peppers_with([pending.digest.pepper_version()]).await?;
    let is_token = pending.digest.matches(token.expose(), &peppers).map_err(Error::unavailable)?;
    if !is_token || !may_continue(&pending, &credentials.member, &account, now) {
        return Err(invalid_token());
    }
    let address = &credentials.member.email;
    let attempt = Attempt::new(address.as_str(), request.source_ip(), now, &peppers, &app.random);
    let (reservation, loaded) = app.store.reserve_login_attempt(Some(address), attempt).await?;
    let login = async {
        // Loaded again, because an earlier attempt may have disabled the password, or somebody may have suspended the member.
        let (credentials, account) = loaded.ok_or_else(invalid_token)?;
        if credentials.is_disabled() {
            return Err(Error::unauthorized(Unauthenticated::PasswordDisabled));
        }
        if !may_continue(&pending, &credentials.member, &account, now) {
            return Err(invalid_token());
        }
        app.store.count_second_factor_attempt(&pending).await.map_err(token_used)?;
        complete(app, request, &reservation, &pending, &credentials, &account, &proof).await
    };
    // Boxed, because it is too large for the stack.
    let new = app.store.settle_attempt(&reservation, Box::pin(login)).await?;
    Ok(http::json(StatusCode::OK, &new.view()))
}

fn may_continue(token: &LoginToken, member: &Member, account: &Account, now: Timestamp) -> bool {
    member.id == token.user_id
        && token.is_valid(member, account.session_epoch, now)
        && member.may_log_in(account)
}

/// Verifies the second factor of a counted attempt and creates a session.
async fn complete(
    app: &App,
    request: &Request,
    reservation: &AttemptReservation,
    token: &LoginToken,
    credentials: &Credentials,
    account: &Account,
    proof: &Proof,
) -> Result<NewSession, Error> {
    let member = &credentials.member;
    let stored = proof.load(app, member).await?;
    let audit_context = || request.audit_context(app);
    let factor = match proof.verify(app, token, &stored).await? {
        Verification::Verified(factor) => factor,
        Verification::Rejected(error) => {
            reservation.fail();
            if proof.factor() == Factor::Passkey {
                app.store.consume_login_challenge(token).await?;
            }
            let action = Action::SecondFactorRefused { user_id: member.id, factor: proof.factor() };
            app.store.record_rejection(member.account_id, None, action, &audit_context()).await?;
            return Err(error);
        }
    };
    let peppers = app.peppers().await?;
    let factors = Factors::PASSWORD.with(proof.factor());
    let now = audit_context().at;
    let new = NewSession::new(app, request, member, account.session_epoch, factors, &peppers, now)?;
    let limit = app.sessions_per_member(account)?;
    let created = app.store.create_session_with_second_factor(
        &new.session,
        credentials,
        limit,
        reservation,
        token,
        &factor,
        &audit_context,
    );
    let is_from_unrecognized_source = created.await.map_err(token_used)?;
    report_new_source(app, credentials, is_from_unrecognized_source, &audit_context()).await;
    match &factor {
        SecondFactor::Passkey(used) => record_use(app, used, &member.email, &audit_context()).await,
        SecondFactor::RecoveryCode(_) => {
            let message = Message::RecoveryCodeUsed((&audit_context()).into());
            app.send_mail(&Mail::to(member.account_id, &member.email, message)).await;
        }
    }
    Ok(new)
}

fn invalid_token() -> Error {
    Error::unauthorized(Unauthenticated::InvalidLoginToken)
}

/// Converts the error of a write. `NotFound` means that the member was removed during the login.
fn token_used(error: StoreError) -> Error {
    match error {
        StoreError::NoLongerValid | StoreError::NotFound => invalid_token(),
        error => error.into(),
    }
}
