//! The erasure of an account. It deletes many items, so it stops when its time is over. A repetition continues, whatever has stopped the
//! one before.

use std::{collections::HashSet, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    model::{
        account::{Account, AccountStatus},
        member::Member,
    },
    primitives::{
        email::EmailAddress,
        environment::Environment,
        id::{AccountId, UserId},
        pagination::Paging,
        timestamp::Timestamp,
    },
    rate_limit::login_throttle::Attempt,
    store::{
        Store,
        account_partitions::KeyOrigin,
        accounts::{DELETED_AT, with_next_session_epoch},
        dynamodb::{
            attributes::{to_entity, to_item},
            key::{ItemKind, Key},
            write::Write,
        },
        error::StoreError,
        keys::{
            ADDRESSES, MEMBERS, account_partition, audit_partition, caller_partition, member_partition,
            personal_data_partition, project_partition, usage_partition,
        },
        members::MEMBERS_PER_READ,
    },
};

/// The longest time in seconds for which a request can go on that was authorized before its account was suspended. It is the limit of
/// API Gateway, which is longer than that of the functions.
pub(super) const LONGEST_REQUEST: u32 = 30;

/// The number of items that one transaction deletes. It makes at most 100 writes
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>).
const MAX_WRITES: usize = 100;

/// What remains of an erased account.
#[derive(Serialize, Deserialize)]
struct Tombstone {
    account_id: AccountId,
    erased_at: Timestamp,
}

/// Whether an erasure is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Erasure {
    Complete,
    /// The time was over, or requests may still be in progress that write further items. A repetition continues.
    Incomplete,
}

/// Why an erasure stopped.
pub(super) enum Stopped {
    Incomplete,
    Failed(StoreError),
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

impl Erasure {
    /// Returns how far an erasure got that ended with `result`.
    pub(super) fn from_result(result: Result<(), Stopped>) -> Result<Self, StoreError> {
        match result {
            Ok(()) => Ok(Self::Complete),
            Err(Stopped::Incomplete) => Ok(Self::Incomplete),
            Err(Stopped::Failed(error)) => Err(error),
        }
    }
}

impl Store {
    /// Suspends the account `before` for good, because it is about to be erased.
    ///
    /// # Errors
    /// If the account was renamed since `before` was read or no longer exists, or the write fails.
    pub async fn close_account(&self, before: &Account, now: Timestamp) -> Result<(), StoreError> {
        let update = Write::update(
            Key::account(before.id),
            "SET #status = :suspended, #deleted_at = if_not_exists(#deleted_at, :now)",
        )
        .condition("#name = :name", || StoreError::Conflict)
        .name("#status", "status")
        .name("#deleted_at", DELETED_AT)
        .name("#name", "name")
        .value(":suspended", AccountStatus::Suspended)?
        .value(":now", now)?
        .value(":name", &before.name)?;
        // A transaction, because the SDK can repeat it after a lost response.
        self.table.transact(vec![with_next_session_epoch(update)?]).await
    }

    /// Erases an account that was [closed](Self::close_account) at `deleted_at`, with everything that belongs to it. Only a tombstone
    /// remains. The addresses of its members can be used again.
    ///
    /// `attempt` returns an attempt with an address, whose history is erased.
    ///
    /// Begins when no request can be in progress any more that was authorized before. What is left to do is in the table itself: the
    /// item of a key or of a member is deleted after everything that only it leads to.
    ///
    /// # Errors
    /// If a read or a write fails.
    pub async fn erase_account(
        &self,
        account: AccountId,
        deleted_at: Timestamp,
        now: Timestamp,
        attempt: impl Fn(&EmailAddress) -> Attempt,
        has_time: impl Fn() -> bool,
    ) -> Result<Erasure, StoreError> {
        if now < deleted_at.plus_seconds(LONGEST_REQUEST) {
            return Ok(Erasure::Incomplete);
        }
        Erasure::from_result(self.erase_items_of_account(account, now, &attempt, &has_time).await)
    }

    async fn erase_items_of_account(
        &self,
        account: AccountId,
        now: Timestamp,
        attempt: &impl Fn(&EmailAddress) -> Attempt,
        has_time: &impl Fn() -> bool,
    ) -> Result<(), Stopped> {
        self.erase_keys(account, has_time).await?;
        self.erase_members(account, attempt, has_time).await?;
        self.erase_former_members(account, has_time).await?;
        self.erase_records(account, has_time).await?;
        let (root, tombstone) = (Key::account(account), Key::tombstone(account));
        let is_deleted = |key: &Key| key.sk != root.sk && key.sk != tombstone.sk;
        self.erase(&root.pk, None, is_deleted, has_time).await?;
        let tombstone = to_item(tombstone, Tombstone { account_id: account, erased_at: now })?;
        self.table.transact(vec![Write::put(tombstone), Write::delete(root)]).await?;
        // Requests that need no session or key may have read an item before it was deleted.
        Err(Stopped::Incomplete)
    }

    /// Erases what requests have written that were in progress when the account at `erased_at` was erased. Returns `None` if there is no
    /// tombstone of such an account.
    ///
    /// # Errors
    /// If a read or a write fails.
    pub async fn erase_remains(
        &self,
        account: AccountId,
        now: Timestamp,
        has_time: impl Fn() -> bool,
    ) -> Result<Option<Erasure>, StoreError> {
        let Some(tombstone) = self.table.get(Key::tombstone(account)).await? else { return Ok(None) };
        let Tombstone { erased_at, .. } = to_entity(tombstone)?;
        if now < erased_at.plus_seconds(LONGEST_REQUEST) {
            return Ok(Some(Erasure::Incomplete));
        }
        Erasure::from_result(self.erase_records(account, &has_time).await).map(Some)
    }

    /// Erases the keys of an account, each after the idempotency records of its requests and after what belongs to the member whom it
    /// originates from. The key alone may lead to that member: the previous version removes a member without a trace.
    async fn erase_keys(&self, account: AccountId, has_time: &impl Fn() -> bool) -> Result<(), Stopped> {
        let mut people = HashSet::new();
        loop {
            let (keys, _) = self.key_origins(account, None).await?;
            if keys.is_empty() {
                return Ok(());
            }
            for KeyOrigin { key_id, originating_member } in keys {
                if let Some(user) = originating_member
                    && people.insert(user)
                {
                    self.erase_partitions_of_person(account, user, has_time).await?;
                }
                self.erase(&caller_partition(account, key_id), None, |_| true, has_time).await?;
                self.table.write(Write::delete(Key::api_key(account, key_id))).await?;
            }
        }
    }

    /// Erases the members of an account, each after everything that belongs to them.
    async fn erase_members(
        &self,
        account: AccountId,
        attempt: &impl Fn(&EmailAddress) -> Attempt,
        has_time: &impl Fn() -> bool,
    ) -> Result<(), Stopped> {
        loop {
            let paging = Paging { limit: MEMBERS_PER_READ, after: None };
            let page = self.table.list(account_partition(account), MEMBERS, &paging, |_| true).await?;
            if page.entities.is_empty() {
                return Ok(());
            }
            for Member { id: user, email, .. } in page.entities {
                self.erase_partitions_of_person(account, user, has_time).await?;
                self.release_address(account, user, &email, &attempt(&email)).await?;
                self.table.write(Write::delete(Key::member(account, user))).await?;
            }
        }
    }

    /// Erases what is stored about former members, and the addresses of all members.
    async fn erase_former_members(
        &self,
        account: AccountId,
        has_time: &impl Fn() -> bool,
    ) -> Result<(), Stopped> {
        loop {
            let people = self.first_ids::<UserId>(&personal_data_partition(account), ADDRESSES).await?;
            if people.is_empty() {
                return Ok(());
            }
            for user in people {
                self.erase_partitions_of_person(account, user, has_time).await?;
                self.table.write(Write::delete(Key::member_address(account, user))).await?;
            }
        }
    }

    /// Erases the audit trail, the usage and the projects of an account.
    async fn erase_records(&self, account: AccountId, has_time: &impl Fn() -> bool) -> Result<(), Stopped> {
        let projects = Environment::ALL.map(|environment| project_partition(account, environment));
        let records = [audit_partition(account), personal_data_partition(account), usage_partition(account)];
        for partition in records.iter().chain(&projects) {
            self.erase(partition, None, |_| true, has_time).await?;
        }
        Ok(())
    }

    async fn erase_partitions_of_person(
        &self,
        account: AccountId,
        user: UserId,
        has_time: &impl Fn() -> bool,
    ) -> Result<(), Stopped> {
        for partition in [member_partition(account, user), caller_partition(account, user)] {
            self.erase(&partition, None, |_| true, has_time).await?;
        }
        Ok(())
    }

    /// Makes the address of a member available to others, and deletes the history of the attempts with it.
    async fn release_address(
        &self,
        account: AccountId,
        user: UserId,
        address: &EmailAddress,
        attempt: &Attempt,
    ) -> Result<(), StoreError> {
        let release = Write::delete(Key::email(address))
            .condition("#account_id = :account_id AND #user_id = :user_id", || StoreError::Conflict)
            .name("#account_id", "account_id")
            .name("#user_id", "user_id")
            .value(":account_id", account)?
            .value(":user_id", user)?;
        match self.table.transact(vec![release, Write::delete(Key::attempt_history(attempt))]).await {
            // The address was released before, or the member never had it.
            Ok(()) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Returns the ids of the first items of `kind` in a partition.
    async fn first_ids<T: FromStr>(&self, partition: &str, kind: ItemKind) -> Result<Vec<T>, StoreError> {
        let prefix = Some(kind.sort_key_prefix);
        let (items, _) = self.table.partition(partition, prefix, None, Some("pk, sk")).await?;
        items.iter().map(|item| kind.parsed_id(item)).collect()
    }

    /// Deletes the items of a partition whose sort keys begin with `prefix` and that are to be deleted.
    pub(super) async fn erase(
        &self,
        partition: &str,
        prefix: Option<&str>,
        is_deleted: impl Fn(&Key) -> bool,
        has_time: &impl Fn() -> bool,
    ) -> Result<(), Stopped> {
        let mut after = None;
        loop {
            if !has_time() {
                return Err(Stopped::Incomplete);
            }
            let (items, next) = self.table.partition(partition, prefix, after, Some("pk, sk")).await?;
            let keys: Vec<_> = items.iter().map(Key::of).collect::<Result<_, _>>()?;
            let deletes: Vec<_> = keys.into_iter().filter(&is_deleted).map(Write::delete).collect();
            for deletes in deletes.chunks(MAX_WRITES) {
                self.table.transact(deletes.to_vec()).await?;
            }
            match next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }
}
