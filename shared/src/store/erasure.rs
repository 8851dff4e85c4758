//! The erasure of an account, and of the addresses of a former member. Both delete many items, so they stop when their time is over. A
//! repetition continues, whatever has stopped the one before.

use serde::{Deserialize, Serialize};

use crate::{
    model::{
        account::{Account, AccountStatus},
        audit_event::{Action, Actor, AuditContext, AuditEvent},
        member::Member,
    },
    primitives::{
        id::{AccountId, UserId},
        pagination::Paging,
        timestamp::Timestamp,
    },
    store::{
        Store,
        accounts::{DELETED_AT, with_next_session_epoch},
        audit_events::event_writes,
        dynamodb::{
            attributes::{to_entity, to_item},
            key::Key,
            write::Write,
        },
        error::StoreError,
        keys::{
            AUDIT_EVENTS, MEMBER_KEYS, MEMBERS, account_partition, audit_partition, event_source_prefix,
            member_partition, personal_data_partition,
        },
        personal_data::{forgotten_address_write, is_forgotten},
    },
};

/// The longest time in seconds for which a request can go on that was authorized before its account was suspended. It is the limit of
/// API Gateway, which is longer than that of the functions.
const LONGEST_REQUEST: u32 = 30;

/// The number of members on each page that an erasure reads.
const MEMBERS_PER_READ: usize = 100;

/// What remains of an erased account.
#[derive(Serialize, Deserialize)]
struct Tombstone {
    account_id: AccountId,
    deleted_at: Timestamp,
}

/// Whether an erasure is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Erasure {
    Complete,
    /// The time was over, or requests may still be in progress that write further items. A repetition continues.
    Incomplete,
}

/// Why an erasure stopped.
enum Stopped {
    Incomplete,
    Failed(StoreError),
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

fn erasure(result: Result<(), Stopped>) -> Result<Erasure, StoreError> {
    match result {
        Ok(()) => Ok(Erasure::Complete),
        Err(Stopped::Incomplete) => Ok(Erasure::Incomplete),
        Err(Stopped::Failed(error)) => Err(error),
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

    /// Returns true if the account was erased.
    ///
    /// # Errors
    /// If the read fails.
    pub async fn is_erased(&self, account: AccountId) -> Result<bool, StoreError> {
        Ok(self.table.get(Key::tombstone(account)).await?.is_some())
    }

    /// Erases an account that was [closed](Self::close_account) at `deleted_at`, with everything that belongs to it. Only a tombstone
    /// remains. The addresses of its members can be used again.
    ///
    /// # Errors
    /// If a read or a write fails.
    pub async fn erase_account(
        &self,
        account: AccountId,
        deleted_at: Timestamp,
        now: Timestamp,
        has_time: impl Fn() -> bool,
    ) -> Result<Erasure, StoreError> {
        erasure(self.erase_items_of_account(account, deleted_at, now, &has_time).await)
    }

    async fn erase_items_of_account(
        &self,
        account: AccountId,
        deleted_at: Timestamp,
        now: Timestamp,
        has_time: &impl Fn() -> bool,
    ) -> Result<(), Stopped> {
        let partitions = self.account_partitions(account).await?;
        for partition in &partitions.dependent {
            self.erase(partition, None, |_| true, has_time).await?;
        }
        self.release_addresses(account, has_time).await?;
        if now < deleted_at.plus_seconds(LONGEST_REQUEST) {
            return Err(Stopped::Incomplete);
        }
        let (root, tombstone) = (Key::account(account), Key::tombstone(account));
        for partition in &partitions.last {
            self.erase(partition, None, |key| key.sk != root.sk && key.sk != tombstone.sk, has_time).await?;
        }
        let tombstone = to_item(tombstone, Tombstone { account_id: account, deleted_at })?;
        Ok(self.table.transact(vec![Write::put(tombstone), Write::delete(root)]).await?)
    }

    /// Makes the addresses of all members of an account available to others.
    async fn release_addresses(
        &self,
        account: AccountId,
        has_time: &impl Fn() -> bool,
    ) -> Result<(), Stopped> {
        let mut paging = Paging { limit: MEMBERS_PER_READ, after: None };
        loop {
            let page =
                self.table.list(account_partition(account), MEMBERS, &paging, |_: &Member| true).await?;
            for member in page.entities {
                if !has_time() {
                    return Err(Stopped::Incomplete);
                }
                let release = Write::delete(Key::email(&member.email))
                    .condition("#account_id = :account_id AND #user_id = :user_id", || StoreError::Conflict)
                    .name("#account_id", "account_id")
                    .name("#user_id", "user_id")
                    .value(":account_id", account)?
                    .value(":user_id", member.id)?;
                match self.table.write(release).await {
                    // The address was released before, or the member never had it.
                    Ok(_) | Err(StoreError::Conflict) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            match page.next {
                Some(next) => paging.after = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// Erases the addresses of a former member, and their sessions. The events of the audit trail stay.
    ///
    /// # Errors
    /// If the account has no such former member ([`StoreError::NotFound`]), the member was not removed ([`StoreError::Conflict`]), or a
    /// read or a write fails.
    pub async fn forget_member(
        &self,
        account: AccountId,
        user: UserId,
        audit_context: &AuditContext,
        has_time: impl Fn() -> bool,
    ) -> Result<Erasure, StoreError> {
        let address = self.table.get(Key::member_address(account, user)).await?;
        if !is_forgotten(address.ok_or(StoreError::NotFound)?)? {
            let is_removed = Write::check(Key::member(account, user))
                .condition("attribute_not_exists(pk)", || StoreError::Conflict);
            let mut writes = vec![forgotten_address_write(account, user)?, is_removed];
            let forgotten = Action::MemberForgotten { user_id: user };
            writes.extend(event_writes(account, Actor::Operator, forgotten, audit_context)?);
            self.table.transact(writes).await?;
        }
        erasure(self.erase_items_of_member(account, user, &has_time).await)
    }

    async fn erase_items_of_member(
        &self,
        account: AccountId,
        user: UserId,
        has_time: &impl Fn() -> bool,
    ) -> Result<(), Stopped> {
        let sources = event_source_prefix(Some(user));
        self.erase(&personal_data_partition(account), Some(&sources), |_| true, has_time).await?;
        // The entries of keys show which keys originate from the member.
        let is_personal = |key: &Key| !key.sk.starts_with(MEMBER_KEYS.sort_key_prefix);
        self.erase(&member_partition(account, user), None, is_personal, has_time).await?;
        self.erase_addresses_in_events(account, user, has_time).await
    }

    /// Erases the addresses of a person from events of an earlier version, which contain them.
    async fn erase_addresses_in_events(
        &self,
        account: AccountId,
        user: UserId,
        has_time: &impl Fn() -> bool,
    ) -> Result<(), Stopped> {
        let partition = audit_partition(account);
        let mut after = None;
        loop {
            let (items, next) = self.table.partition(&partition, None, after, None).await?;
            for item in items {
                if !has_time() {
                    return Err(Stopped::Incomplete);
                }
                let Some(write) = without_addresses(account, user, to_entity(item)?)? else { continue };
                match self.table.write(write).await {
                    // A rejected attempt that has expired in the meantime.
                    Ok(_) | Err(StoreError::NotFound) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            match next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// Deletes the items of a partition whose sort keys begin with `prefix` and that are to be deleted.
    async fn erase(
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
            if !deletes.is_empty() {
                self.table.transact(deletes).await?;
            }
            match next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }
}

/// Returns the write that erases the addresses of a person from `event`, if it contains any.
fn without_addresses(
    account: AccountId,
    user: UserId,
    mut event: AuditEvent,
) -> Result<Option<Write>, StoreError> {
    let has_source = event.source_ip.is_some() && event.person() == Some(user);
    let has_address = matches!(event.action.address_mut(), Some((of, Some(_))) if of == user);
    let set = match (has_source, has_address) {
        (false, false) => return Ok(None),
        (true, false) => "SET source_ip = :null",
        (false, true) => "SET email = :null",
        (true, true) => "SET source_ip = :null, email = :null",
    };
    let write = Write::update(AUDIT_EVENTS.key(audit_partition(account), event.id), set).if_exists();
    Ok(Some(write.value(":null", None::<&str>)?))
}
