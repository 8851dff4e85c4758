//! Reads and writes of invitations.

use crate::{
    credentials::password::PasswordHash,
    model::{
        account::{Account, AccountStatus},
        audit_event::{Action, Actor, AuditContext},
        member::{Member, MemberStatus},
        session::Session,
    },
    primitives::id::{AccountId, UserId},
    store::{
        Store,
        audit_events::event_writes,
        dynamodb::{attributes::to_entity, key::Key, write::Write},
        error::StoreError,
        member_credentials::{FAILURES, LOGINS, PASSWORD},
        members::{INVITATION, if_unchanged, new_address_write},
        preconditions::{with_restrictions, with_session_epoch},
        sessions::new_session_write,
    },
};

impl Store {
    /// Loads a member and the whole account, for the acceptance of an invitation.
    ///
    /// # Errors
    /// If the read fails.
    pub async fn member_and_whole_account(
        &self,
        account: AccountId,
        user: UserId,
    ) -> Result<Option<(Member, Account)>, StoreError> {
        match self.table.get_many([Key::member(account, user), Key::account(account)]).await? {
            [Some(member), Some(account)] => Ok(Some((to_entity(member)?, to_entity(account)?))),
            _ => Ok(None),
        }
    }

    /// Makes the invited `member` active with this password and `session`, and lets the address belong to the member.
    ///
    /// # Errors
    /// `Conflict` if the member or the account has changed since they were read. Then the invitation may have ended. Also if the address
    /// belongs to another member, or the write fails.
    pub async fn accept_invitation(
        &self,
        member: &Member,
        account: &Account,
        password: &PasswordHash,
        session: &Session,
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
            accepting_account(member, account)?,
            new_session_write(session)?,
        ];
        writes.extend(event_writes(account_id, actor, accepted, audit_context)?);
        self.table.transact(writes).await
    }
}

/// Returns the write to the account when `member` becomes active: it counts an admin, and checks that the account is as it was read.
fn accepting_account(member: &Member, account: &Account) -> Result<Write, StoreError> {
    let key = Key::account(account.id);
    let write = if member.accepted().is_active_admin() {
        Write::update(key, "SET #active_admins = #active_admins + :one")
            .name("#active_admins", "active_admins")
            .value(":one", 1)?
    } else {
        Write::check(key)
    };
    let write = write
        .condition("#status = :active", || StoreError::Conflict)
        .name("#status", "status")
        .value(":active", AccountStatus::Active)?;
    with_session_epoch(with_restrictions(write, &account.restrictions)?, account.session_epoch)
}
