//! Writes of passwords.

use crate::{
    authorization::principal::{Principal, SessionPrincipal},
    credentials::password::PasswordHash,
    model::{
        audit_event::{Action, AuditContext},
        member::Member,
    },
    store::{
        Store,
        audit_events::event_writes,
        dynamodb::{key::Key, write::Write},
        error::StoreError,
        login_attempts::{AttemptReservation, success_write},
        member_credentials::{Credentials, FAILURES, PASSWORD},
        preconditions::{account_still_active, if_member_has_no_unknown_restriction},
        sessions::next_epoch_write,
    },
};

impl Store {
    /// Changes a member's password, ends all of the member's sessions except that of `caller`, and marks the attempt with the
    /// current password as successful.
    ///
    /// # Errors
    /// If the stored password has changed or the caller's session has ended in the meantime, or the write fails.
    pub async fn change_password(
        &self,
        current: &Credentials,
        new: &PasswordHash,
        reservation: &AttemptReservation,
        caller: &SessionPrincipal,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let Member { account_id, id, session_epoch, .. } = current.member;
        let member = Write::update(
            Key::member(account_id, id),
            "SET #password = :new, #session_epoch = :next, #failures = :zero",
        )
        .condition("#password = :expected AND #session_epoch = :epoch", || StoreError::Conflict);
        let member = if_member_has_no_unknown_restriction(member)?
            .name("#password", PASSWORD)
            .name("#session_epoch", "session_epoch")
            .name("#failures", FAILURES)
            .value(":zero", 0)?
            .value(":new", new)?
            .value(":next", session_epoch + 1)?
            .value(":expected", &current.password)?
            .value(":epoch", session_epoch)?;
        let session = next_epoch_write(caller, session_epoch + 1, audit_context.at)?;
        let account = account_still_active(&Principal::Session(caller.clone()))?;
        let action = Action::PasswordChanged { user_id: id };
        let mut writes = vec![member, session, account, success_write(reservation)?];
        writes.extend(event_writes(account_id, caller.into(), action, audit_context)?);
        self.succeed(reservation, writes).await
    }

    /// Replaces a password hash with `rehashed`, which is a hash of the same password. If the stored password has changed in the
    /// meantime, it stays.
    ///
    /// # Errors
    /// If the write fails.
    pub async fn replace_password_hash(
        &self,
        current: &Credentials,
        rehashed: &PasswordHash,
    ) -> Result<(), StoreError> {
        let Member { account_id, id, .. } = current.member;
        let update = Write::update(Key::member(account_id, id), "SET #password = :rehashed")
            .condition("#password = :expected", || StoreError::Conflict)
            .name("#password", PASSWORD)
            .value(":rehashed", rehashed)?
            .value(":expected", &current.password)?;
        match self.table.write(update).await {
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
