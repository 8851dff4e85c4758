//! Reads and writes of recovery codes. A member has one item with the digests of all of them.

use crate::{
    authorization::principal::{Principal, SessionPrincipal},
    credentials::digest::TokenDigest,
    model::{
        audit_event::{Action, AuditContext},
        recovery_codes::RecoveryCodes,
    },
    primitives::id::{AccountId, UserId},
    store::{
        Store,
        audit_events::event_writes,
        dynamodb::{
            attributes::{to_entity, to_item},
            key::Key,
            write::Write,
        },
        error::StoreError,
        preconditions::{account_still_active, member_still_authorized, session_still_valid},
    },
};

/// The attribute that contains the digests of the unused codes.
const DIGESTS: &str = "digests";

/// A recovery code that a request contains.
#[derive(Debug)]
pub struct UsedRecoveryCode<'a> {
    /// The key of its digest.
    pub number: &'a str,
    pub digest: &'a TokenDigest,
}

impl Store {
    /// Loads the recovery codes of a member, if they have some.
    ///
    /// # Errors
    /// If the read fails.
    pub async fn recovery_codes(
        &self,
        account: AccountId,
        user: UserId,
    ) -> Result<Option<RecoveryCodes>, StoreError> {
        let [codes] = self.table.get_many([Key::recovery_codes(account, user)]).await?;
        codes.map(to_entity).transpose()
    }

    /// Replaces the recovery codes of the caller's member.
    ///
    /// # Errors
    /// If the member has no passkey, the caller is no longer authorized, or the write fails.
    pub async fn replace_recovery_codes(
        &self,
        codes: &RecoveryCodes,
        caller: &SessionPrincipal,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let SessionPrincipal { account_id, user_id, .. } = *caller;
        let member = member_still_authorized(caller)?.and("#passkeys > :zero").value(":zero", 0)?;
        let action = Action::RecoveryCodesCreated { user_id };
        let mut writes = vec![
            codes_write(account_id, user_id, codes)?,
            member,
            session_still_valid(caller, audit_context.at)?,
            account_still_active(&Principal::Session(caller.clone()))?,
        ];
        writes.extend(event_writes(account_id, caller.into(), action, audit_context)?);
        self.table.transact(writes).await
    }
}

/// Returns the write that stores new recovery codes. It ends the ones before.
pub(super) fn codes_write(
    account: AccountId,
    user: UserId,
    codes: &RecoveryCodes,
) -> Result<Write, StoreError> {
    Ok(Write::put(to_item(Key::recovery_codes(account, user), codes)?))
}

/// Returns the write that uses a code. It fails if the code was used before or has been replaced.
pub(super) fn use_write(
    account: AccountId,
    user: UserId,
    code: &UsedRecoveryCode<'_>,
) -> Result<Write, StoreError> {
    Write::update(Key::recovery_codes(account, user), "REMOVE #digests.#number")
        .condition("#digests.#number = :digest", || StoreError::NoLongerValid)
        .name("#digests", DIGESTS)
        .name("#number", code.number)
        .value(":digest", code.digest)
}
