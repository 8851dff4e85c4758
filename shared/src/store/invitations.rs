//! Reads and writes of invitations.

use crate::{
    credentials::password::PasswordHash,
    model::{
        account::Account,
        audit_event::{Action, Actor, AuditContext},
        member::{Member, MemberStatus},
        session::Session,
    },
    primitives::{id::AccountId, timestamp::Timestamp},
    rate_limit::login_throttle::{Attempt, HOUR},
    store::{
        Store,
        audit_events::event_writes,
        dynamodb::{key::Key, write::Write},
        error::StoreError,
        member_credentials::{FAILURES, LOGINS, PASSWORD},
        members::{INVITATION, account_with_admin, if_unchanged, new_address_write},
        preconditions::if_account_unchanged,
        sessions::new_session_write,
    },
};

/// The number of invitations of an account that are mailed in one hour of the clock. They go to people who may not know of the account,
/// and too many complaints would make Amazon SES stop all mails of the service.
const MAX_MAILED_INVITATIONS: u32 = 300;

impl Store {
    /// Counts an invitation that will be mailed. It stays counted if inviting fails.
    ///
    /// # Errors
    /// If too many invitations of the account were mailed in this hour of the clock, or the write fails.
    pub async fn count_mailed_invitation(
        &self,
        account: AccountId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let hour = now.unix_seconds().div_euclid(HOUR);
        let end = (hour + 1) * HOUR;
        let write = Write::update(Key::mailed_invitations(account, hour), "SET #ttl = :end ADD #count :one")
            .condition("attribute_not_exists(#count) OR #count < :limit", || StoreError::Conflict)
            .name("#ttl", "ttl")
            .name("#count", "count")
            .value(":end", end + HOUR)?
            .value(":one", 1)?
            .value(":limit", MAX_MAILED_INVITATIONS)?;
        // A transaction, because the SDK can repeat it after a lost response.
        match self.table.transact(vec![write]).await {
            Err(StoreError::Conflict) => {
                let retry_after = u32::try_from(end - now.unix_seconds()).map_err(StoreError::bug)?;
                Err(StoreError::Throttled { retry_after })
            }
            result => result,
        }
    }

    /// Makes the invited `member` active with this password and `session`, and lets the address belong to the member. The address
    /// recognizes the source of `attempt`, as it does after a login.
    ///
    /// # Errors
    /// `Conflict` if the member or the account has changed since they were read. Then the invitation may have ended. `Conflict` also if
    /// somebody tries to log in with the address at the same time. Also if the address belongs to another member, or a read or the write
    /// fails.
    pub async fn accept_invitation(
        &self,
        member: &Member,
        account: &Account,
        password: &PasswordHash,
        session: &Session,
        attempt: &Attempt,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let Member { account_id, id: user_id, .. } = *member;
        let activation = Write::update(
            Key::member(account_id, user_id),
            "SET #status = :active, #password = :password, #failures = :zero, #logins = :one",
        )
        .and_clause("REMOVE #unaccepted, #invitation")
        .name("#invitation", INVITATION)
        .name("#password", PASSWORD)
        .name("#failures", FAILURES)
        .name("#logins", LOGINS)
        .value(":active", MemberStatus::Active)?
        .value(":password", password)?
        .value(":zero", 0)?
        .value(":one", 1)?;
        let accepted = Action::MemberAccepted { user_id, email: None };
        let actor = Actor::Session { user_id, session_id: session.id };
        let mut writes = vec![
            if_unchanged(activation, member)?,
            new_address_write(member)?,
            Write::delete(Key::invited_address(account_id, &member.email)),
            if_account_unchanged(
                account_with_admin(account.id, member.accepted().is_active_admin())?,
                account,
            )?,
            new_session_write(session)?,
        ];
        writes.extend(event_writes(account_id, actor, accepted, audit_context)?);
        // The last write: if several conditions fail, the result is the error of the first one.
        writes.push(self.acceptance_write(attempt).await?);
        self.table.transact(writes).await
    }
}
