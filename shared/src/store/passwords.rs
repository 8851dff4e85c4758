//! What people log in with: addresses and passwords in the table.

use crate::{
    authorization::principal::SessionPrincipal,
    credentials::password::PasswordHash,
    model::{
        audit_event::{Action, AuditContext},
        member::Member,
    },
    store::{
        Store,
        audit_events::record,
        dynamodb::{key::Key, write::Write},
        error::StoreError,
        login_attempts::{AttemptReservation, succeeded},
        member_credentials::{Credentials, FAILURES, PASSWORD},
    },
};

impl Store {
    /// Gives a member another password, whose present one `claim` has tried, and ends all of their sessions but the
    /// one of `caller`.
    ///
    /// # Errors
    /// When another change came first, or the table can't be written.
    pub async fn change_password(
        &self,
        seen: &Credentials,
        new: &PasswordHash,
        claim: &AttemptReservation,
        caller: &SessionPrincipal,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let Member { account_id, id, session_epoch, .. } = seen.member;
        let member = Write::update(
            Key::member(account_id, id),
            "SET #password = :new, #session_epoch = :next, #failures = :none",
        )
        .only_if("#password = :seen AND #session_epoch = :epoch", || StoreError::Conflict)
        .name("#password", PASSWORD)
        .name("#session_epoch", "session_epoch")
        .name("#failures", FAILURES)
        .value(":none", 0)?
        .value(":new", new)?
        .value(":next", session_epoch + 1)?
        .value(":seen", &seen.password)?
        .value(":epoch", session_epoch)?;
        let session = Write::update(Key::session(account_id, id, caller.session_id), "SET #epoch = :next")
            .only_if("attribute_exists(pk)", || StoreError::Conflict)
            .name("#epoch", "epoch")
            .value(":next", session_epoch + 1)?;
        let action = Action::PasswordChanged { user_id: id };
        let record = record(account_id, caller.into(), action, audit_context)?;
        let mut writes = vec![member, session, record];
        writes.extend(succeeded(claim)?);
        self.table.write_together(writes).await
    }

    /// Puts a hash of the same password in the place of the one that was seen. Where the password was
    /// changed meanwhile, that stays.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn replace_password_hash(
        &self,
        seen: &Credentials,
        rehashed: &PasswordHash,
    ) -> Result<(), StoreError> {
        let Member { account_id, id, .. } = seen.member;
        let update = Write::update(Key::member(account_id, id), "SET #password = :rehashed")
            .only_if("#password = :seen", || StoreError::Conflict)
            .name("#password", PASSWORD)
            .value(":rehashed", rehashed)?
            .value(":seen", &seen.password)?;
        match self.table.write(update).await {
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
