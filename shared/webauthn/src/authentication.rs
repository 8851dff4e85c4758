//! Authentication with a passkey.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use shared::{
    error::Error,
    http::authenticator_response::AuthenticatorResponse,
    model::{
        audit_event::AuditContext,
        mail::{Mail, Message},
        passkey::{Passkey, member_of},
    },
    primitives::{challenge::Challenge, email::EmailAddress},
    runtime::app::App,
    store::UsedPasskey,
    telemetry::log::TARGET,
};
use tracing::warn;
use webauthn_rs::prelude::{PublicKeyCredential, WebauthnError};

use crate::relying_party::{RelyingParty, reason, with_challenge};

/// The reason why the response of an authenticator does not authenticate the member.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticationError {
    #[error("passkey rejected: {0}")]
    Rejected(&'static str),
    #[error("the stored passkey cannot be used")]
    Stored(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl AuthenticationError {
    /// Returns the error of a login: 401, or 500 if the stored passkey cannot be used.
    #[must_use]
    pub fn of_login(self) -> Error {
        match self {
            Self::Rejected(_) => Error::unauthorized(self),
            Self::Stored(_) => Error::internal(self),
        }
    }

    /// Returns the error of another authentication in a session: 403, or 500 if the stored passkey cannot be used.
    #[must_use]
    pub fn of_reauthentication(self) -> Error {
        match self {
            Self::Rejected(_) => Error::forbidden(self),
            Self::Stored(_) => Error::internal(self),
        }
    }

    /// Returns true if the member is not at fault.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        matches!(self, Self::Stored(_))
    }
}

impl RelyingParty {
    /// Verifies that one of `passkeys`, which belong to one member, has signed `challenge` after it verified the user. Returns that
    /// passkey.
    ///
    /// # Errors
    /// If it has not.
    pub fn authenticate<'a>(
        &self,
        response: &AuthenticatorResponse,
        challenge: &Challenge,
        passkeys: &'a [Passkey],
    ) -> Result<UsedPasskey<'a>, AuthenticationError> {
        let rejected = |error: &WebauthnError| AuthenticationError::Rejected(reason(error));
        let malformed = |_| AuthenticationError::Rejected("it is malformed");
        let credential: PublicKeyCredential =
            serde_json::from_value(response.verified_parts()).map_err(malformed)?;
        let id = BASE64_URL_SAFE_NO_PAD.encode(&credential.raw_id);
        let passkey = passkeys.iter().find(|passkey| passkey.key.credential_id == id);
        let passkey = passkey.ok_or_else(|| rejected(&WebauthnError::CredentialNotFound))?;
        let owner = response.user_handle().map(|handle| member_of(&handle));
        if owner.is_some_and(|owner| owner != Some((passkey.account_id, passkey.user_id))) {
            return Err(AuthenticationError::Rejected("it names another member"));
        }
        let stored = serde_json::from_str(&passkey.key.public_key)
            .map_err(|error| AuthenticationError::Stored(error.into()))?;
        let (_, state) = self
            .webauthn
            .start_passkey_authentication(&[stored])
            .map_err(|error| AuthenticationError::Stored(error.into()))?;
        let state = with_challenge(&state, "ast", challenge)
            .map_err(|error| AuthenticationError::Stored(error.into()))?;
        match self.webauthn.finish_passkey_authentication(&credential, &state) {
            // The library checks this too, because it asked for the verification.
            Ok(result) if !result.user_verified() => Err(rejected(&WebauthnError::UserNotVerified)),
            Ok(result) => Ok(UsedPasskey { passkey, counter: result.counter() }),
            // See https://github.com/kanidm/webauthn-rs/issues/510.
            Err(
                WebauthnError::CredentialMayNotBeHardwareBound
                | WebauthnError::CredentialBackupEligibilityInconsistent,
            ) => Err(AuthenticationError::Rejected("it was not synchronized when it was added, and is now")),
            Err(error) => Err(rejected(&error)),
        }
    }
}

/// Logs that there may be a copy of a passkey. The member is authenticated nevertheless: authenticators that share a passkey or count
/// wrongly exist, and a rejection would lock the member out.
fn log_possible_clone(used: &UsedPasskey<'_>) {
    let Passkey { id, user_id, .. } = used.passkey;
    let (passkey_id, user_id) = (id.to_string(), user_id.to_string());
    warn!(target: TARGET, passkey_id, user_id, "the counter of a passkey has not increased, so there may be a copy of it");
}

/// Stores the counter that the authenticator reported. Warns the member by mail if there may be a copy of the passkey.
///
/// `email` is the address of the member, and `audit_context` the context of the use.
pub async fn record_use(
    app: &App,
    used: &UsedPasskey<'_>,
    email: &EmailAddress,
    audit_context: &AuditContext,
) {
    if used.passkey.may_be_cloned(used.counter) {
        log_possible_clone(used);
        let message = Message::PasskeyMaybeCopied(audit_context.into());
        app.send_mail(&Mail::to(used.passkey.account_id, email, message)).await;
    }
    if used.counter > used.passkey.counter
        && let Err(error) = app.store.record_passkey_counter(used).await
    {
        // The member is authenticated anyway. The counter of the next use is greater still.
        let reason = Error::from(error).reason();
        warn!(target: TARGET, reason, "the counter of a passkey could not be stored");
    }
}
