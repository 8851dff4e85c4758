//! Reads and writes of API keys.

use std::{iter, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    authorization::principal::Principal,
    idempotency::IdempotencyResult,
    model::{
        account::Account,
        api_key::{ApiKey, KeyState, ReplacedSecret},
        audit_event::{Action, Actor, AuditContext, EndReason},
        restrictions::Restrictions,
    },
    primitives::{
        id::{AccountId, KeyId, UserId},
        pagination::{Page, Paging},
        quota::{Counter, Quota},
        timestamp::Timestamp,
        usage::RecentUsage,
    },
    rate_limit::{
        batch::{Batch, NoReservation, Reservation, ReservedBatch},
        key_use::{KeyUse, PreviousSecretUse},
        usage::{Delivery, UsageChange, UsageReport},
    },
    store::{
        Store,
        audit_events::{change_writes, event_writes},
        dynamodb::{
            attributes::{to_entity, to_item},
            item::Item,
            key::Key,
            retry::{Cause, Retries},
            write::{UnrepeatedError, Write},
        },
        error::StoreError,
        idempotency_records::result_write,
        key_counts::{counted_creation, counted_revocations},
        key_expiry_reminders::{moved_reminders, new_reminders, removed_reminders},
        keys::{self, account_partition, member_partition},
        preconditions::{account_still_active_and_unchanged, still_authorized_under, with_revision},
        usage::{day_write, with_usage},
    },
};

/// The attribute that contains a key's [`ReplacedSecret`].
const REPLACED_SECRET: &str = "replaced_secret";

/// The number of keys that one transaction revokes. A transaction has at most 100 writes, and the more keys it changes, the more
/// likely it conflicts with the use of one of them.
const KEYS_PER_TRANSACTION: usize = 10;

/// How long the reservation of a quota is retried. After a second, the authorizer lets the request pass uncounted. The retries
/// end earlier, so that contention leads to a 429 instead.
const QUOTA_RETRY_TIME: Duration = Duration::from_millis(500);

/// The attributes of an API key that a reservation changes and that its conditions depend on.
#[derive(Deserialize)]
struct Reserved {
    counter: Option<Counter>,
    #[serde(default)]
    usage: Option<RecentUsage>,
    #[serde(default)]
    replaced_secret: Option<ReplacedSecret>,
}

/// The entry of an API key in the partition of its originating member. It exists until the key is revoked, so that all keys that
/// originate from a member can be revoked without reading the other keys of the account.
#[derive(Serialize, Deserialize)]
struct MemberKey {
    key_id: KeyId,
}

impl Store {
    /// Creates an API key in `account`, which must have fewer than `limit` unrevoked keys of that type, on behalf of `creator`, and
    /// stores the reminders of its expiry and the idempotency record.
    ///
    /// # Errors
    /// If a request with the same idempotency key was made first, the creator is no longer authorized, the account's limits or
    /// policy have changed since `account` was read, the limit is reached, or the write fails.
    pub async fn create_key(
        &self,
        key: &ApiKey,
        account: &Account,
        limit: u32,
        creator: &Principal,
        audit_context: &AuditContext,
        idempotency: Option<&IdempotencyResult>,
    ) -> Result<(), StoreError> {
        let put = Write::put_new(to_item(Key::api_key(key.account_id, key.id), key)?, StoreError::id_taken);
        let created = Action::KeyCreated {
            key_id: key.id,
            name: key.name.clone(),
            key_type: key.environment,
            permissions: key.permissions,
            scope: (&key.scope).into(),
            expires_at: key.expires_at,
            allowed_ips: key.allowed_ips.clone().into(),
        };
        let mut writes = vec![put];
        writes.extend(event_writes(key.account_id, creator.into(), created, audit_context)?);
        if let Some(member) = key.originating_member {
            let entry = Key::member_key(key.account_id, member, key.id);
            writes.push(Write::put(to_item(entry, MemberKey { key_id: key.id })?));
        }
        writes.extend(new_reminders(key, audit_context.at)?);
        writes.extend(still_authorized_under(account, creator, audit_context.at)?);
        writes.extend(idempotency.map(result_write).transpose()?);
        // The last write: if several conditions fail, the result is the error of the first one.
        writes.push(counted_creation(key, limit)?);
        self.table.transact(writes).await
    }

    /// Loads an API key.
    ///
    /// # Errors
    /// If the read fails.
    pub async fn key(&self, account: AccountId, key: KeyId) -> Result<Option<ApiKey>, StoreError> {
        self.table.get(Key::api_key(account, key)).await?.map(to_entity).transpose()
    }

    /// Loads an API key and its account. The key is [as in the epoch](ApiKey::in_epoch) of the account.
    ///
    /// # Errors
    /// If the read fails.
    pub async fn key_and_account(
        &self,
        account: AccountId,
        key: KeyId,
    ) -> Result<(Option<ApiKey>, Option<Account>), StoreError> {
        let [key, account] = self.table.get_many([Key::api_key(account, key), Key::account(account)]).await?;
        let account: Option<Account> = account.map(to_entity).transpose()?;
        let epoch = account.as_ref().map_or(0, |account| account.key_epoch);
        Ok((key.map(to_entity).transpose()?.map(|key: ApiKey| key.in_epoch(epoch)), account))
    }

    /// Lists the account's API keys that match `filter`, newest first. The keys are [as in the epoch](ApiKey::in_epoch) of the account.
    ///
    /// # Errors
    /// If a read fails.
    pub async fn keys(
        &self,
        account: &Account,
        paging: &Paging,
        filter: impl Fn(&ApiKey) -> bool,
    ) -> Result<Page<ApiKey>, StoreError> {
        let epoch = account.key_epoch;
        let filter = |key: &ApiKey| {
            if key.has_ended_before(epoch) { filter(&key.clone().in_epoch(epoch)) } else { filter(key) }
        };
        let Page { entities, next } =
            self.table.list(account_partition(account.id), keys::API_KEYS, paging, filter).await?;
        Ok(Page { entities: entities.into_iter().map(|key| key.in_epoch(epoch)).collect(), next })
    }

    /// Replaces `before` with the rotated key `after` on behalf of `caller` and stores the idempotency record. The previous
    /// secret works until `previous_expires_at`. The expiry of the key stays, and so do its reminders.
    ///
    /// # Errors
    /// If the stored key is no longer as in `before`, the caller is no longer authorized, the limits or the policy of the key's account
    /// have changed since `account` was read, or the write fails.
    #[expect(clippy::too_many_arguments, reason = "one transaction checks all that the rotation depends on")]
    pub async fn rotate_key(
        &self,
        before: &ApiKey,
        after: &ApiKey,
        previous_expires_at: Timestamp,
        account: &Account,
        caller: &Principal,
        audit_context: &AuditContext,
        idempotency: Option<&IdempotencyResult>,
    ) -> Result<(), StoreError> {
        let update = Write::update(
            Key::api_key(before.account_id, before.id),
            "SET #state = :state, #hint = :hint, #replaced = :replaced",
        )
        .condition("#state = :expected", || StoreError::Conflict)
        .name("#state", "state")
        .name("#hint", "hint")
        .name("#replaced", REPLACED_SECRET)
        .value(":replaced", after.replaced_secret)?
        .value(":expected", &before.state)?
        .value(":state", &after.state)?
        .value(":hint", &after.hint)?;
        let update = with_revision(update, before.revision)?;
        let action = Action::KeyRotated { key_id: before.id, previous_expires_at };
        let mut writes = vec![update];
        writes.extend(event_writes(before.account_id, caller.into(), action, audit_context)?);
        if matches!(caller, Principal::ApiKey(key) if key.key_id == before.id) {
            // The key rotates itself. Its authorization was checked against `before`, and the condition of the update
            // ensures that the stored key has not changed since.
            writes.push(account_still_active_and_unchanged(account, caller)?);
        } else {
            writes.extend(still_authorized_under(account, caller, audit_context.at)?);
        }
        writes.extend(idempotency.map(result_write).transpose()?);
        self.table.transact(writes).await
    }

    /// Replaces `before` with the changed key `after` on behalf of `caller`. If this changes the expiry, the reminders move with it.
    ///
    /// # Errors
    /// If the stored key was changed, rotated or revoked since `before` was read, the caller is no longer authorized, the limits
    /// or the policy of the key's account have changed since `account` was read, or the write fails.
    pub async fn change_key(
        &self,
        before: &ApiKey,
        after: &ApiKey,
        account: &Account,
        caller: &Principal,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        // An empty set cannot be stored.
        let expression = if after.restrictions.is_empty() {
            "SET #name = :name, #permissions = :permissions, #scope = :scope, #expires_at = :expires_at, \
             #allowed_ips = :allowed_ips, #disabled_by = :disabled_by, \
             #enabled_at = :enabled_at, #revision = :new_revision \
             REMOVE #restrictions"
        } else {
            "SET #name = :name, #permissions = :permissions, #scope = :scope, #expires_at = :expires_at, \
             #allowed_ips = :allowed_ips, #disabled_by = :disabled_by, \
             #enabled_at = :enabled_at, #revision = :new_revision, \
             #restrictions = :restrictions"
        };
        let update = Write::update(Key::api_key(before.account_id, before.id), expression)
            .condition("#state = :expected", || StoreError::Conflict)
            .name("#state", "state")
            .name("#name", "name")
            .name("#permissions", "permissions")
            .name("#scope", "scope")
            .name("#expires_at", "expires_at")
            .name("#allowed_ips", "allowed_ips")
            .name("#disabled_by", "disabled_by")
            .name("#enabled_at", "enabled_at")
            .name("#restrictions", Restrictions::ATTRIBUTE)
            .value(":expected", &before.state)?
            .value(":name", &after.name)?
            .value(":permissions", after.permissions)?
            .value(":scope", &after.scope)?
            .value(":expires_at", after.expires_at)?
            .value(":allowed_ips", &after.allowed_ips)?
            .value(":disabled_by", after.disabled_by)?
            .value(":enabled_at", after.enabled_at)?
            .value(":new_revision", after.revision)?;
        let update = if after.restrictions.is_empty() {
            update
        } else {
            update.value(":restrictions", &after.restrictions)?
        };
        let changed = Action::KeyChanged {
            key_id: after.id,
            name: after.name.clone(),
            permissions: after.permissions,
            scope: (&after.scope).into(),
            expires_at: after.expires_at,
            allowed_ips: after.allowed_ips.clone().into(),
            disabled: after.disabled_by.is_some(),
        };
        let mut writes = vec![with_revision(update, before.revision)?];
        writes.extend(event_writes(before.account_id, caller.into(), changed, audit_context)?);
        writes.extend(moved_reminders(before, after, audit_context.at)?);
        writes.extend(still_authorized_under(account, caller, audit_context.at)?);
        self.table.transact(writes).await
    }

    /// Revokes an API key on behalf of `caller`. A key that is already revoked stays as it is.
    ///
    /// This removes the digests of all its secrets from the table, so a concurrent rotation cannot make a secret valid again.
    ///
    /// # Errors
    /// If the write fails.
    pub async fn revoke_key(
        &self,
        key: &ApiKey,
        caller: &Principal,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        self.revoke(key, Some(caller.into()), EndReason::Requested, audit_context).await
    }

    /// Revokes an API key, because somebody reported one of its secrets as leaked. A key that is already revoked stays as it is.
    /// Succeeds if the key no longer exists.
    ///
    /// # Errors
    /// If the write fails.
    pub async fn revoke_reported_key(
        &self,
        key: &ApiKey,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        match self.revoke(key, None, EndReason::Reported, audit_context).await {
            Ok(()) | Err(StoreError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Revokes an API key on behalf of the operator. A key that is already revoked stays as it is.
    ///
    /// # Errors
    /// If the write fails.
    pub async fn revoke_key_as_operator(
        &self,
        key: &ApiKey,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        self.revoke(key, Some(Actor::Operator), EndReason::Requested, audit_context).await
    }

    /// Loads those of the API keys `ids` that exist, in any order. There must be at most 100 ids, without duplicates.
    ///
    /// # Errors
    /// If the read fails.
    pub async fn keys_by_id(&self, account: AccountId, ids: &[KeyId]) -> Result<Vec<ApiKey>, StoreError> {
        let keys: Vec<_> = ids.iter().map(|id| Key::api_key(account, *id)).collect();
        self.table.batch_get(&keys).await?.into_iter().map(to_entity).collect()
    }

    /// Returns the ids of up to `limit` API keys that originate from `member` and are not revoked, newest first. Keys that were
    /// created before the originating member was recorded are not among them.
    ///
    /// # Errors
    /// If the read fails.
    pub async fn unrevoked_keys_of_member(
        &self,
        account: AccountId,
        member: UserId,
        limit: usize,
    ) -> Result<Vec<KeyId>, StoreError> {
        let paging = Paging { limit, after: None };
        let entries: Page<MemberKey> =
            self.table.list(member_partition(account, member), keys::MEMBER_KEYS, &paging, |_| true).await?;
        Ok(entries.entities.into_iter().map(|entry| entry.key_id).collect())
    }

    /// Revokes API keys of one account on behalf of `caller`. Those that are already revoked stay as they are. `audit_context`
    /// returns the context of one revocation.
    ///
    /// # Errors
    /// If a write fails. Some of the keys may then be revoked.
    pub async fn revoke_keys(
        &self,
        keys: &[ApiKey],
        caller: &Principal,
        audit_context: impl Fn() -> AuditContext,
    ) -> Result<(), StoreError> {
        let (actor, reason) = (Some(caller.into()), EndReason::Requested);
        let active: Vec<_> = keys.iter().filter(|key| !key.is_revoked()).collect();
        // Several in one transaction, because all revocations change the same number of keys and would conflict.
        for keys in active.chunks(KEYS_PER_TRANSACTION) {
            let mut writes = Vec::new();
            for key in keys {
                writes.extend(revocation(key, actor, reason, &audit_context())?);
            }
            writes.extend(counted_revocations(keys)?);
            match self.table.transact(writes).await {
                // One of them was revoked in the meantime.
                Err(StoreError::Conflict) => {
                    for key in keys {
                        self.revoke(key, actor, reason, &audit_context()).await?;
                    }
                }
                result => result?,
            }
        }
        Ok(())
    }

    /// Removes the entry that says that the API key `key` originates from `member`. Revoking the key removes it, too.
    ///
    /// # Errors
    /// If the write fails.
    pub async fn forget_key_of_member(
        &self,
        account: AccountId,
        member: UserId,
        key: KeyId,
    ) -> Result<(), StoreError> {
        self.table.write(Write::delete(Key::member_key(account, member, key))).await.map(drop)
    }

    /// Revokes an API key. A key that is already revoked stays as it is.
    async fn revoke(
        &self,
        key: &ApiKey,
        actor: Option<Actor>,
        reason: EndReason,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let mut writes = revocation(key, actor, reason, audit_context)?;
        writes.extend(counted_revocations(&[key])?);
        match self.table.transact(writes).await {
            // The condition fails for a key that exists only if the key is already revoked.
            Ok(()) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Reserves a batch of the key's quota, or the rest of the quota if that is less, and records the use of the key with the same
    /// write.
    ///
    /// If the response to a write is lost, the retry reserves the batch again. The first reservation is then never spent. The
    /// retry does not contain `report`, because that could be stored twice. `report.delivery` is correct even if the caller
    /// stops waiting.
    ///
    /// # Errors
    /// If the write fails.
    pub async fn reserve_quota(
        &self,
        key: &ApiKey,
        wanted: Batch,
        quota: Quota,
        report: &mut UsageReport,
    ) -> Result<Result<ReservedBatch, NoReservation>, StoreError> {
        let ApiKey { counter, usage, replaced_secret, .. } = *key;
        let mut stored = Reserved { counter, usage, replaced_secret };
        let mut retries = self.table.retries_within(QUOTA_RETRY_TIME);
        let mut is_first_conflict = true;
        let mut sends_report = true;
        loop {
            let reservation = match Reservation::plan(wanted, stored.counter, quota) {
                Ok(reservation) => reservation,
                Err(counter) => return Ok(Err(NoReservation::Exhausted(counter))),
            };
            let write = reservation_write(key, reservation, report, stored.replaced_secret)?;
            let reserved = if sends_report {
                let written = self.write_with_report(key, write, report, stored.usage, &mut retries).await;
                written.and_then(|item| {
                    item.map_or(Ok(reservation.expected_counter(stored.counter)), reserved_counter)
                })
            } else {
                let written = self.table.write_with(write, &mut retries).await;
                written.and_then(|item| reserved_counter(item.unwrap_or_default()))
            };
            match reserved {
                Ok(counter) => return Ok(Ok(ReservedBatch { size: reservation.batch().size, counter })),
                Err(StoreError::Conflict) => {
                    // The first conflict is always retried, even if the write was slow: if the response to a write is lost, its
                    // repetition by the SDK conflicts with the write itself.
                    if !retries.pause(Cause::Conflict).await && !is_first_conflict {
                        return Ok(Err(NoReservation::Contended));
                    }
                    is_first_conflict = false;
                    // Uses `BatchGetItem`, so that the authorizer needs no permission for `GetItem`.
                    let [item] = self.table.get_many([Key::api_key(key.account_id, key.id)]).await?;
                    stored = to_entity(item.ok_or(StoreError::NotFound)?)?;
                    // Beginning a day competes with each report of another environment. A request does not wait for it twice.
                    sends_report &= matches!(report.plan(stored.usage), UsageChange::Add { .. });
                }
                // `Contended` with time left means that the transaction was throttled, so this tries once more without the report.
                Err(StoreError::Contended) if sends_report && retries.pause(Cause::Conflict).await => {
                    sends_report = false;
                }
                Err(StoreError::Contended) => return Ok(Err(NoReservation::Contended)),
                Err(_) if sends_report && retries.pause(Cause::Throttling).await => sends_report = false,
                Err(error) => return Err(error),
            }
        }
    }

    /// Makes `write`, a reservation, together with the change of the usage that `report` requires. The report is sent at most once.
    /// Returns the key's item after the write, or `None` if it is not known.
    async fn write_with_report(
        &self,
        key: &ApiKey,
        write: Write,
        report: &mut UsageReport,
        usage: Option<RecentUsage>,
        retries: &mut Retries<'_>,
    ) -> Result<Option<Item>, StoreError> {
        let change = report.plan(usage);
        let write = with_usage(write, &change)?;
        let moved_out = match change {
            UsageChange::Replace { moved_out, .. } => moved_out,
            UsageChange::Add { .. } => Vec::new(),
        };
        // Stays so if the caller stops waiting.
        report.delivery = Delivery::Unknown;
        let (written, may_be_applied) = if moved_out.is_empty() {
            match self.table.write_unrepeated(write, retries).await {
                Ok(item) => (Ok(item), true),
                Err(UnrepeatedError { error, may_be_applied }) => (Err(error), may_be_applied),
            }
        } else {
            let days = moved_out.into_iter().map(|usage| day_write(key, usage));
            let writes = iter::once(Ok(write)).chain(days).collect::<Result<_, _>>()?;
            // A transaction is not applied twice, even if the SDK repeats it.
            let written = self.table.transact_with(writes, retries).await;
            let may_be_applied = !matches!(written, Err(StoreError::Conflict | StoreError::Contended));
            (written.map(|()| None), may_be_applied)
        };
        if written.is_ok() {
            report.delivery = Delivery::Stored;
        } else if !may_be_applied {
            report.delivery = Delivery::NotSent;
        }
        written
    }

    /// Replaces the state of `key` with `rehashed`, which contains digests of the same secrets. If the stored state has changed
    /// in the meantime, it stays.
    ///
    /// # Errors
    /// If the write fails.
    pub async fn replace_key_digests(&self, key: &ApiKey, rehashed: &KeyState) -> Result<(), StoreError> {
        let update = Write::update(Key::api_key(key.account_id, key.id), "SET #state = :rehashed")
            .condition("#state = :expected", || StoreError::Conflict)
            .name("#state", "state")
            .value(":rehashed", rehashed)?
            .value(":expected", &key.state)?;
        match self.table.write(update).await {
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Returns the writes that revoke an API key, without the one that decrements the number of keys. They fail with `Conflict` if the
/// key is already revoked, and with `NotFound` if it does not exist.
fn revocation(
    key: &ApiKey,
    actor: Option<Actor>,
    reason: EndReason,
    audit_context: &AuditContext,
) -> Result<Vec<Write>, StoreError> {
    let ApiKey { id, account_id, originating_member, .. } = *key;
    let update = Write::update(Key::api_key(account_id, id), "SET #state = :revoked")
        .condition_with_item("#state.#status = :active", StoreError::not_found_or_conflict)
        .name("#state", "state")
        .name("#status", "status")
        .value(":active", "active")?
        .value(":revoked", KeyState::Revoked)?;
    let mut writes = vec![update];
    writes.extend(change_writes(
        account_id,
        actor,
        Action::KeyRevoked { key_id: id, reason },
        audit_context,
    )?);
    writes.extend(originating_member.map(|member| Write::delete(Key::member_key(account_id, member, id))));
    writes.extend(removed_reminders(key, audit_context.at));
    Ok(writes)
}

/// Returns the counter in a key's item after a reservation.
fn reserved_counter(item: Item) -> Result<Counter, StoreError> {
    let counter = to_entity::<Reserved>(item)?.counter;
    counter.ok_or_else(|| StoreError::malformed("a key has no counter after a reservation"))
}

fn reservation_write(
    key: &ApiKey,
    reservation: Reservation,
    report: &UsageReport,
    replaced_secret: Option<ReplacedSecret>,
) -> Result<Write, StoreError> {
    let KeyUse { at, source_ip, .. } = report.key_use;
    let item = Key::api_key(key.account_id, key.id);
    let conflict = || StoreError::Conflict;
    let write = match reservation {
        Reservation::StartWindow(Batch { window, size, replaces }) => {
            let write = Write::update(item, "SET #counter = :counter")
                .value(":counter", Counter { window, reserved: size })?;
            if let Some(replaced) = replaces {
                write.condition("#counter.#window = :replaced", conflict).value(":replaced", replaced)?
            } else {
                write
                    .condition(
                        "attribute_exists(pk) AND (attribute_not_exists(#counter) OR #counter.#window < :window)",
                        conflict,
                    )
                    .value(":window", window)?
            }
        }
        Reservation::AddToWindow { batch: Batch { window, size, .. }, max_reserved } => {
            Write::update(item, "SET #counter.#taken = #counter.#taken + :size")
                .condition("#counter.#window = :window AND #counter.#taken <= :max_reserved", conflict)
                .name("#taken", "taken")
                .value(":size", size)?
                .value(":window", window)?
                .value(":max_reserved", max_reserved)?
        }
    };
    let write = write
        .and_set("#last_used_at = :now, #last_used_ip = :ip")
        .name("#counter", "counter")
        .name("#window", "window")
        .name("#last_used_at", "last_used_at")
        .name("#last_used_ip", "last_used_ip")
        .returning_item()
        .value(":now", at)?
        .value(":ip", source_ip)?;
    match report.previous_secret_use() {
        Some(used) => with_previous_secret_use(write, used, replaced_secret),
        None => Ok(write),
    }
}

/// Adds the use of the previous secret to a write of the key, unless a later use is stored. The write fails if another one has
/// stored a later use in the meantime, so the stored time never moves back.
fn with_previous_secret_use(
    write: Write,
    PreviousSecretUse { generation, at }: PreviousSecretUse,
    stored: Option<ReplacedSecret>,
) -> Result<Write, StoreError> {
    let write = match stored {
        Some(stored) if stored.generation > generation => return Ok(write),
        Some(stored) if stored.generation == generation => {
            if stored.last_used_at.is_some_and(|last_used_at| last_used_at >= at) {
                return Ok(write);
            }
            write
                .and_set("#replaced.#last_used_at = :previous_at")
                .and("#replaced.#generation = :generation")
                .and("(attribute_not_exists(#replaced.#last_used_at) OR #replaced.#last_used_at < :previous_at)")
                .value(":previous_at", at)?
        }
        // The previous version of the service rotated the key.
        _ => {
            let replaced = ReplacedSecret { generation, replaced_at: None, last_used_at: Some(at) };
            write
                .and_set("#replaced = :replaced")
                .and("(attribute_not_exists(#replaced) OR #replaced.#generation < :generation)")
                .value(":replaced", replaced)?
        }
    };
    write
        .name("#replaced", REPLACED_SECRET)
        .name("#generation", "generation")
        .value(":generation", generation)
}
