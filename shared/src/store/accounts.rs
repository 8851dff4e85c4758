//! Reads and writes of accounts.

use crate::{
    authorization::principal::Principal,
    credentials::password::PasswordHash,
    model::{
        account::{Account, AccountLimits, AccountStatus},
        account_policy::AccountPolicy,
        audit_event::{Action, Actor, AuditContext},
        member::Member,
        restrictions::{Restriction, Restrictions},
    },
    primitives::{environment::Environment, id::AccountId, quota::Quotas},
    store::{
        Store,
        audit_events::event_writes,
        dynamodb::{
            attributes::{to_entity, to_item},
            key::Key,
            write::Write,
        },
        error::StoreError,
        key_counts::reset_count,
        members::{invited_member_writes, new_member_writes},
        preconditions::{credential_still_authorized, if_account_active, with_restrictions, with_revision},
    },
};

/// The attribute of an account that contains the epoch of its valid sessions. It is missing in the first epoch.
pub(super) const SESSION_EPOCH: &str = "session_epoch";
/// The attribute of an account that contains the epoch of its valid API keys. It is missing in the first epoch.
pub(super) const KEY_EPOCH: &str = "key_epoch";
/// The attribute of an account that is being erased.
pub(super) const DELETED_AT: &str = "deleted_at";

impl Store {
    /// Creates an account and its first member, who is invited if there is no password.
    ///
    /// # Errors
    /// If there is a password and the member's email address is in use, or the write fails.
    pub async fn create_account(
        &self,
        account: &Account,
        member: &Member,
        password: Option<&PasswordHash>,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let created = Action::AccountCreated { name: account.name.clone(), user_id: member.id, email: None };
        let mut writes = match password {
            Some(password) => new_member_writes(member, password)?,
            None => invited_member_writes(member)?,
        };
        writes.push(Write::put_new(to_item(Key::account(account.id), account)?, StoreError::id_taken));
        writes.extend(event_writes(account.id, Actor::Operator, created, audit_context)?);
        self.table.transact(writes).await
    }

    /// Loads an account.
    ///
    /// # Errors
    /// If the read fails.
    pub async fn account(&self, account: AccountId) -> Result<Option<Account>, StoreError> {
        self.table.get(Key::account(account)).await?.map(to_entity).transpose()
    }

    /// Replaces the name and the policy of the account `before` by those of `after` on behalf of `caller`.
    ///
    /// # Errors
    /// If the name, the limits or the policy of the stored account have changed since `before` was read, the caller is no longer
    /// authorized, or the write fails.
    pub async fn change_account(
        &self,
        before: &Account,
        after: &Account,
        caller: &Principal,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let update = change_write(before, after)?.condition("#status = :active", || StoreError::Conflict);
        let update = with_revision(if_account_active(update, caller)?, before.revision)?;
        let mut writes = vec![update];
        writes.extend(change_event(after, caller.into(), audit_context)?);
        writes.extend(credential_still_authorized(caller, audit_context.at)?);
        self.table.transact(writes).await
    }

    /// Replaces the policy of the account `before` by that of `after` on behalf of the operator.
    ///
    /// # Errors
    /// If the name, the limits or the policy of the stored account have changed since `before` was read, the account does not exist,
    /// or the write fails.
    pub async fn set_account_policy(
        &self,
        before: &Account,
        after: &Account,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let update = change_write(before, after)?.condition("attribute_exists(pk)", || StoreError::Conflict);
        let update = with_revision(with_restrictions(update, &before.restrictions)?, before.revision)?;
        let mut writes = vec![update];
        writes.extend(change_event(after, Actor::Operator, audit_context)?);
        self.table.transact(writes).await
    }

    /// Suspends or restores an account. A suspension ends all of its sessions for good. An account that is already suspended stays
    /// as it is.
    ///
    /// # Errors
    /// If the account does not exist or is being erased, or the write fails.
    pub async fn set_account_status(
        &self,
        account: AccountId,
        status: AccountStatus,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let update = Write::update(Key::account(account), "SET #status = :status")
            .name("#status", "status")
            .value(":status", status)?;
        let (update, action) = match status {
            AccountStatus::Active => {
                let is_kept = "attribute_exists(#status) AND attribute_not_exists(#deleted_at)";
                let update = update.condition_with_item(is_kept, StoreError::not_found_or_conflict);
                (update.name("#deleted_at", DELETED_AT), Action::AccountRestored)
            }
            AccountStatus::Suspended => {
                // An account that a previous version suspended has no session epoch yet.
                let is_new = "attribute_exists(#status) \
                              AND (#status <> :status OR attribute_not_exists(#session_epoch))";
                let update = update.condition_with_item(is_new, StoreError::not_found_or_conflict);
                (with_next_session_epoch(update)?, Action::AccountSuspended)
            }
        };
        let mut writes = vec![update];
        writes.extend(event_writes(account, Actor::Operator, action, audit_context)?);
        match self.table.transact(writes).await {
            // The condition fails for an account that exists only if it is already suspended.
            Err(StoreError::Conflict) if status == AccountStatus::Suspended => Ok(()),
            written => written,
        }
    }

    /// Ends all sessions, API keys and invitations of an account, by starting new epochs. This takes one write, however many there are.
    ///
    /// # Errors
    /// If the account does not exist, or the write fails.
    pub async fn end_all_credentials(
        &self,
        account: AccountId,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let restriction: Restrictions = [Restriction::KeyEpoch].into_iter().collect();
        let update =
            Write::update(Key::account(account), "SET #key_epoch = if_not_exists(#key_epoch, :zero) + :one")
                .name("#key_epoch", KEY_EPOCH)
                .if_exists();
        // With the next revision, a key that is being created belongs to the new epoch, or its creation fails.
        let update = with_next_revision(with_next_session_epoch(update)?)?
            .and_clause("ADD #restrictions :restriction")
            .name("#restrictions", Restrictions::ATTRIBUTE)
            .value(":restriction", restriction)?;
        let ended = Action::AccountCredentialsEnded;
        let mut writes = vec![update];
        writes.extend(event_writes(account, Actor::Operator, ended, audit_context)?);
        self.table.transact(writes).await
    }

    /// Replaces the quotas and the limits of `before` on behalf of the operator. With `counts_keys`, the account's keys are counted
    /// again before the next one is created.
    ///
    /// # Errors
    /// If the account's name, limits or policy have changed since `before` was read, the account does not exist, or the write fails.
    pub async fn set_account_limits(
        &self,
        before: &Account,
        quotas: Option<Quotas>,
        limits: AccountLimits,
        counts_keys: bool,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let update = Write::update(Key::account(before.id), "SET #quotas = :quotas, #limits = :limits")
            .condition("attribute_exists(pk)", || StoreError::Conflict)
            .name("#quotas", "quotas")
            .name("#limits", "limits")
            .value(":quotas", quotas)?
            .value(":limits", limits)?;
        // A repeated command changes nothing, so it does not make writes fail that rely on the revision.
        let is_unchanged = (before.quotas, before.limits) == (quotas, limits);
        let update = if is_unchanged { update } else { with_next_revision(update)? };
        let update = with_revision(update, before.revision)?;
        let AccountLimits { keys, sessions_per_member } = limits;
        let action = Action::AccountLimitsChanged { requests_per_minute: quotas, keys, sessions_per_member };
        let mut writes = vec![update];
        writes.extend(event_writes(before.id, Actor::Operator, action, audit_context)?);
        if counts_keys {
            for environment in Environment::ALL {
                writes.push(reset_count(before, environment)?);
            }
        }
        self.table.transact(writes).await
    }
}

/// Returns the update of the name and the policy of the account `before` to those of `after`, without its condition.
fn change_write(before: &Account, after: &Account) -> Result<Write, StoreError> {
    const SET: &str = "SET #name = :name, #revision = :new_revision, \
                       #require_second_factor = :require_second_factor, \
                       #reauthentication_minutes = :reauthentication_minutes, \
                       #max_key_lifetime_days = :max_key_lifetime_days, #idle_keys = :idle_keys";
    let Account { name, policy, revision, restrictions, .. } = after;
    let AccountPolicy { require_second_factor, reauthentication_minutes, max_key_lifetime_days, idle_keys } =
        policy;
    let update = Write::update(Key::account(before.id), SET);
    // An empty set cannot be stored.
    let update = if restrictions.is_empty() {
        update.and_clause("REMOVE #restrictions")
    } else {
        update.and_set("#restrictions = :restrictions").value(":restrictions", restrictions)?
    };
    update
        .name("#name", "name")
        .name("#restrictions", Restrictions::ATTRIBUTE)
        .name("#require_second_factor", "require_second_factor")
        .name("#reauthentication_minutes", "reauthentication_minutes")
        .name("#max_key_lifetime_days", "max_key_lifetime_days")
        .name("#idle_keys", "idle_keys")
        .value(":name", name)?
        .value(":require_second_factor", require_second_factor)?
        .value(":reauthentication_minutes", reauthentication_minutes)?
        .value(":max_key_lifetime_days", max_key_lifetime_days)?
        .value(":idle_keys", idle_keys)?
        .value(":new_revision", revision)
}

fn change_event(
    after: &Account,
    actor: Actor,
    audit_context: &AuditContext,
) -> Result<Vec<Write>, StoreError> {
    let changed = Action::AccountChanged { name: after.name.clone(), policy: after.policy.into() };
    event_writes(after.id, actor, changed, audit_context)
}

/// Adds the increment of the account's session epoch to an update of the account that ends with a `SET` clause. This ends all
/// sessions of the account, including those of logins in progress.
pub(super) fn with_next_session_epoch(update: Write) -> Result<Write, StoreError> {
    update
        .and_set("#session_epoch = if_not_exists(#session_epoch, :zero) + :one")
        .name("#session_epoch", SESSION_EPOCH)
        .value(":zero", 0)?
        .value(":one", 1)
}

/// Adds the increment of the account's revision to an update of the account that ends with a `SET` clause.
pub(super) fn with_next_revision(update: Write) -> Result<Write, StoreError> {
    update
        .and_set("#revision = if_not_exists(#revision, :zero) + :one")
        .name("#revision", "revision")
        .value(":zero", 0)?
        .value(":one", 1)
}
