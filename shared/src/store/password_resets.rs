//! Reads and writes of password resets.

use crate::{
    credentials::{digest::TokenDigest, password::PasswordHash},
    model::{
        account::{Account, AccountStatus},
        audit_event::{Action, Actor, AuditContext},
        member::{Member, MemberStatus},
        password_reset::PasswordReset,
    },
    primitives::{
        email::EmailAddress,
        id::{AccountId, UserId},
    },
    rate_limit::login_throttle::{Attempt, MAX_CONSECUTIVE_FAILURES, MAX_RESET_REQUESTS},
    store::{
        Store,
        accounts::SESSION_EPOCH,
        audit_events::{change_writes, event_writes},
        dynamodb::{
            attributes::{attribute, to_entity, to_item, value},
            item::BatchItem,
            key::Key,
            write::Write,
        },
        error::StoreError,
        login_attempts::hour_write,
        member_credentials::{AddressOwner, FAILURES, PASSWORD},
        preconditions::if_member_unrestricted,
    },
};

/// A stored token, and the member and the account that it belongs to.
pub struct PendingReset {
    pub reset: PasswordReset,
    pub member: Member,
    pub account: Account,
    /// `None` if failures have disabled the password: it must not be verified then.
    pub password: Option<PasswordHash>,
}

impl Store {
    /// Counts a request for a token from the source of `attempt`.
    ///
    /// # Errors
    /// If there were too many requests from this source in this hour, or the write fails.
    pub async fn count_reset_request(&self, attempt: &Attempt) -> Result<(), StoreError> {
        let write = hour_write(Key::reset_hour(attempt), attempt, MAX_RESET_REQUESTS)?;
        match self.table.write(write).await {
            Ok(_) => Ok(()),
            Err(StoreError::Conflict) => {
                Err(StoreError::Throttled { retry_after: attempt.seconds_until_next_hour() })
            }
            Err(error) => Err(error),
        }
    }

    /// Loads the member who has this address, and their account.
    ///
    /// # Errors
    /// If a read fails.
    pub async fn member_with_address(
        &self,
        address: &EmailAddress,
    ) -> Result<Option<(Member, Account)>, StoreError> {
        let Some(owner) = self.table.get(Key::email(address)).await? else { return Ok(None) };
        let AddressOwner { account_id, user_id } = to_entity(owner)?;
        match self.table.get_many([Key::member(account_id, user_id), Key::account(account_id)]).await? {
            [Some(member), Some(account)] => Ok(Some((to_entity(member)?, to_entity(account)?))),
            _ => Ok(None),
        }
    }

    /// Loads the token of a member, the member and the account, if all of them exist.
    ///
    /// # Errors
    /// If the read fails.
    pub async fn password_reset(
        &self,
        account: AccountId,
        user: UserId,
    ) -> Result<Option<PendingReset>, StoreError> {
        let keys = [Key::password_reset(account, user), Key::member(account, user), Key::account(account)];
        let [Some(reset), Some(member), Some(account)] = self.table.get_many(keys).await? else {
            return Ok(None);
        };
        let password = enabled_password(&member)?;
        Ok(Some(PendingReset {
            reset: to_entity(reset)?,
            member: to_entity(member)?,
            account: to_entity(account)?,
            password,
        }))
    }

    /// Stores a token unless the member has a recent one. Returns true if it was stored.
    ///
    /// # Errors
    /// If the write fails.
    pub async fn create_password_reset(&self, reset: &PasswordReset) -> Result<bool, StoreError> {
        let before = PasswordReset::latest_not_recent(reset.created_at);
        let put = reset_write(reset)?
            // The last part makes the write safe to repeat.
            .condition("attribute_not_exists(pk) OR #created_at <= :before OR #digest = :digest", || {
                StoreError::Conflict
            })
            .name("#created_at", "created_at")
            .name("#digest", "digest")
            .value(":before", before)?
            .value(":digest", &reset.digest)?;
        match self.table.write(put).await {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Notes that a token could not be sent, so that another one can be sent at once.
    ///
    /// # Errors
    /// If the write fails.
    pub async fn discard_password_reset(&self, reset: &PasswordReset) -> Result<(), StoreError> {
        let put = with_digest(reset_write(&reset.not_recent())?, &reset.digest)?;
        match self.table.write(put).await {
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Stores a token on behalf of the operator, in place of any other one.
    ///
    /// # Errors
    /// If the write fails.
    pub async fn issue_password_reset(
        &self,
        reset: &PasswordReset,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let action = Action::PasswordResetIssued { user_id: reset.user_id, expires_at: reset.expires_at };
        let mut writes = vec![reset_write(reset)?];
        writes.extend(event_writes(reset.account_id, Actor::Operator, action, audit_context)?);
        self.table.transact(writes).await
    }

    /// Replaces the member's password, enables it, ends all sessions of the member, and deletes the token, all at once.
    ///
    /// # Errors
    /// If the token has been used, replaced or ended since `pending` was read, or the write fails.
    pub async fn reset_password(
        &self,
        pending: &PendingReset,
        new: &PasswordHash,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let PasswordReset { account_id, user_id, session_epoch, account_epoch, digest, .. } = &pending.reset;
        let (account_id, user_id) = (*account_id, *user_id);
        let member = Write::update(
            Key::member(account_id, user_id),
            "SET #password = :new, #session_epoch = :next, #failures = :zero",
        )
        .condition("#status = :active AND #session_epoch = :epoch", || StoreError::Conflict);
        let member = if_member_unrestricted(member)?
            .name("#status", "status")
            .name("#password", PASSWORD)
            .name("#session_epoch", "session_epoch")
            .name("#failures", FAILURES)
            .value(":active", MemberStatus::Active)?
            .value(":zero", 0)?
            .value(":new", new)?
            .value(":next", session_epoch + 1)?
            .value(":epoch", session_epoch)?;
        let account = account_still_of_epoch(account_id, *account_epoch)?;
        let token = with_digest(Write::delete(Key::password_reset(account_id, user_id)), digest)?;
        // Nobody has authenticated, so the event has no actor.
        let reset = Action::PasswordReset { user_id };
        let mut writes = vec![member, account, token];
        writes.extend(change_writes(account_id, None, reset, audit_context)?);
        self.table.transact(writes).await
    }
}

/// Returns the write that stores a token. `DynamoDB` deletes it some time after it expires.
fn reset_write(reset: &PasswordReset) -> Result<Write, StoreError> {
    let mut item = to_item(Key::password_reset(reset.account_id, reset.user_id), reset)?;
    item.insert("ttl".to_owned(), attribute(reset.expires_at.unix_seconds())?);
    Ok(Write::put(item))
}

/// Adds the condition that the stored token has this digest.
fn with_digest(write: Write, digest: &TokenDigest) -> Result<Write, StoreError> {
    write
        .condition("#digest = :digest", || StoreError::Conflict)
        .name("#digest", "digest")
        .value(":digest", digest)
}

/// Returns the check that the account is active and still in this epoch of its sessions.
fn account_still_of_epoch(account: AccountId, epoch: u32) -> Result<Write, StoreError> {
    let check = Write::check(Key::account(account))
        .condition("#status = :active", || StoreError::Conflict)
        .name("#status", "status")
        .name("#session_epoch", SESSION_EPOCH)
        .value(":active", AccountStatus::Active)?;
    if epoch == 0 {
        Ok(check.and("attribute_not_exists(#session_epoch)"))
    } else {
        check.and("#session_epoch = :epoch").value(":epoch", epoch)
    }
}

/// Returns the password hash of the member with this item, or `None` if failures have disabled it.
fn enabled_password(member: &BatchItem) -> Result<Option<PasswordHash>, StoreError> {
    let failures: Option<u32> = member.get(FAILURES).cloned().map(value).transpose()?;
    if failures.is_some_and(|failures| failures >= MAX_CONSECUTIVE_FAILURES) {
        return Ok(None);
    }
    member.get(PASSWORD).cloned().map(value).transpose()
}
