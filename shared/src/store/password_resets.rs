//! Reads and writes of password resets.

use crate::{
    credentials::password::PasswordHash,
    model::{
        account::Account,
        audit_event::{Action, Actor, AuditContext},
        member::{Member, MemberStatus},
        password_reset::PasswordResets,
    },
    primitives::{
        email::EmailAddress,
        id::{AccountId, UserId},
        timestamp::Timestamp,
    },
    rate_limit::login_throttle::{Attempt, MAX_RESET_REQUESTS},
    store::{
        Store,
        audit_events::{change_writes, event_writes},
        dynamodb::{
            attributes::{to_entity, to_item, with_ttl},
            key::Key,
            write::Write,
        },
        error::StoreError,
        login_attempts::hour_write,
        member_credentials::{AddressOwner, FAILURES, PASSWORD, enabled_password},
        preconditions::{if_account_unchanged, if_member_has_no_unknown_restriction},
    },
};

/// A member, their account, and the tokens that reset their password.
pub struct MemberWithResets {
    pub member: Member,
    pub account: Account,
    pub resets: PasswordResets,
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

    /// Loads the member who has this address, with the tokens of password resets.
    ///
    /// # Errors
    /// If a read fails.
    pub async fn member_with_resets_by_address(
        &self,
        address: &EmailAddress,
    ) -> Result<Option<MemberWithResets>, StoreError> {
        match self.address_owner(address).await? {
            Some(AddressOwner { account_id, user_id }) => self.member_with_resets(account_id, user_id).await,
            None => Ok(None),
        }
    }

    /// Loads a member with the tokens of password resets.
    ///
    /// # Errors
    /// If the read fails.
    pub async fn member_with_resets(
        &self,
        account: AccountId,
        user: UserId,
    ) -> Result<Option<MemberWithResets>, StoreError> {
        let keys = [Key::password_resets(account, user), Key::member(account, user), Key::account(account)];
        let [resets, Some(member), Some(account)] = self.table.get_many(keys).await? else {
            return Ok(None);
        };
        let password = enabled_password(&member)?;
        Ok(Some(MemberWithResets {
            member: to_entity(member)?,
            account: to_entity(account)?,
            resets: resets.map(to_entity).transpose()?.unwrap_or_default(),
            password,
        }))
    }

    /// Replaces the tokens of `owner` by `resets`, which contain a new one. Returns false if they have changed since `owner` was read:
    /// another token was created, or one was used.
    ///
    /// # Errors
    /// If the write fails.
    pub async fn create_password_reset(
        &self,
        owner: &MemberWithResets,
        resets: &PasswordResets,
    ) -> Result<bool, StoreError> {
        match self.table.write(resets_write(&owner.member, &owner.resets, resets)?).await {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Notes that the latest token of `resets` could not be sent, so that another one can be sent at once.
    ///
    /// # Errors
    /// If the write fails.
    pub async fn discard_password_reset(
        &self,
        owner: &MemberWithResets,
        resets: &PasswordResets,
    ) -> Result<(), StoreError> {
        let write = resets_write(&owner.member, resets, &resets.with_latest_unsent())?;
        match self.table.write(write).await {
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Replaces the tokens of `owner` by `resets`, which contain a new one, on behalf of the operator. The new token expires at
    /// `expires_at`.
    ///
    /// # Errors
    /// If the tokens have changed since `owner` was read, or the write fails.
    pub async fn issue_password_reset(
        &self,
        owner: &MemberWithResets,
        resets: &PasswordResets,
        expires_at: Timestamp,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let Member { account_id, id: user_id, .. } = owner.member;
        let action = Action::PasswordResetIssued { user_id, expires_at };
        let mut writes = vec![resets_write(&owner.member, &owner.resets, resets)?];
        writes.extend(event_writes(account_id, Actor::Operator, action, audit_context)?);
        self.table.transact(writes).await
    }

    /// Replaces the password of a member who has a valid token, enables it, ends all sessions of the member, and deletes all tokens,
    /// all at once.
    ///
    /// # Errors
    /// If a token has been used, all of them have ended or the account has changed since `owner` was read, or the write fails.
    pub async fn reset_password(
        &self,
        owner: &MemberWithResets,
        new: &PasswordHash,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let Member { account_id, id: user_id, session_epoch, .. } = owner.member;
        let member = Write::update(
            Key::member(account_id, user_id),
            "SET #password = :new, #session_epoch = :next, #failures = :zero",
        )
        .condition("#status = :active AND #session_epoch = :epoch", || StoreError::Conflict);
        let member = if_member_has_no_unknown_restriction(member)?
            .name("#status", "status")
            .name("#password", PASSWORD)
            .name("#session_epoch", "session_epoch")
            .name("#failures", FAILURES)
            .value(":active", MemberStatus::Active)?
            .value(":zero", 0)?
            .value(":new", new)?
            .value(":next", session_epoch + 1)?
            .value(":epoch", session_epoch)?;
        let account = if_account_unchanged(Write::check(Key::account(account_id)), &owner.account)?;
        // This needs no condition, because a use of a token starts a new epoch. If a further token was created since `owner` was
        // read, it ends, but the one in use stays valid.
        let tokens = Write::delete(Key::password_resets(account_id, user_id));
        // Nobody has authenticated, so the event has no actor.
        let mut writes = vec![member, account, tokens];
        let reset = Action::PasswordReset { user_id };
        writes.extend(change_writes(account_id, None, reset, audit_context)?);
        self.table.transact(writes).await
    }
}

/// Returns the write that replaces the tokens of a member. It fails if they are no longer those `before`. It is safe to repeat,
/// because it also succeeds if they are those `after`. `DynamoDB` deletes the item some time after the last token expires.
fn resets_write(
    member: &Member,
    before: &PasswordResets,
    after: &PasswordResets,
) -> Result<Write, StoreError> {
    let item = to_item(Key::password_resets(member.account_id, member.id), after)?;
    let put = Write::put(with_ttl(item, after.expire_at())?);
    let put = if before.is_empty() {
        put.condition("attribute_not_exists(pk) OR #tokens = :after", || StoreError::Conflict)
    } else {
        put.condition("#tokens = :before OR #tokens = :after", || StoreError::Conflict)
            .value(":before", &before.tokens)?
    };
    put.name("#tokens", "tokens").value(":after", &after.tokens)
}
