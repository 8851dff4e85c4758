//! Verifies the password of the member who sends a request.

use std::sync::Arc;

use crate::{
    authorization::{denial::Unauthenticated, principal::SessionPrincipal},
    credentials::password::{Password, PasswordHash, VerifiedPassword},
    error::Error,
    model::{
        account::Account,
        audit_event::{Action, AuditContext},
    },
    runtime::{
        app::App,
        password_workers::{self, HashPermit},
    },
    store::{AttemptReservation, Credentials},
};

/// A password in a request with a session, which counts as a login attempt, so that a stolen session can't be used to guess it.
pub struct OwnPasswordAttempt<'a> {
    pub session: &'a SessionPrincipal,
    pub password: Password,
    pub permit: HashPermit,
    pub reservation: &'a AttemptReservation,
    pub audit_context: &'a AuditContext,
}

/// The credentials and the account of the member, and the password, which is right.
pub struct OwnPassword {
    pub credentials: Credentials,
    pub account: Account,
    pub verified: VerifiedPassword,
}

impl OwnPasswordAttempt<'_> {
    /// Verifies the password against those of the `loaded` member. Returns `None` if it is wrong or disabled. Then the attempt has
    /// failed, and the audit trail contains it.
    ///
    /// # Errors
    /// 401 if the session has ended since the authorizer checked it. If it ends later, the write that follows fails. Also if the
    /// event can't be written, or the password can't be verified.
    pub async fn verify(
        self,
        app: &App,
        loaded: Option<(Credentials, Account)>,
    ) -> Result<Option<OwnPassword>, Error> {
        let Self { session, password, permit, reservation, audit_context } = self;
        let (credentials, account) = loaded
            .filter(|(credentials, _)| session.is_of(&credentials.member))
            .ok_or_else(|| Error::unauthorized(Unauthenticated::SessionEnded))?;
        let hash = Some(&credentials)
            .filter(|credentials| !credentials.is_disabled())
            .map(|credentials| credentials.password.clone());
        let peppers = app.peppers_with(hash.as_ref().map(PasswordHash::pepper_version)).await?;
        if let Some(verified) = password_workers::verify(permit, hash, password, Arc::clone(&peppers)).await?
        {
            return Ok(Some(OwnPassword { credentials, account, verified }));
        }
        reservation.fail();
        let rejected = Action::PasswordRefused { user_id: session.user_id };
        app.store.record_rejection(session.account_id, Some(session.into()), rejected, audit_context).await?;
        Ok(None)
    }
}
