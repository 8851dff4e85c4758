//! The number of unrevoked API keys of each type, which limits the creation of keys.
//!
//! A key is created and revoked in one transaction with the change of its count. The count is in an item of its own, because the
//! authorizer reads the account's item on each request.
//!
//! Each [epoch](crate::model::account::Account::key_epoch) of the account has its own counts. A key that ended with its epoch can still be
//! revoked, which then changes only the count of that epoch.
//!
//! The count is unknown if the item has none or a negative one. That is so in an account that an earlier version created, and after
//! the operator has reset it. Then a revocation decrements it nevertheless, so that it stays unknown and a revocation never
//! waits for a count of the keys. The next creation first counts the keys.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{
    model::{account::Account, api_key::ApiKey},
    primitives::environment::Environment,
    store::{
        Store,
        dynamodb::{
            attributes::{attribute, to_entity},
            item::{BatchItem, Item},
            key::Key,
            retry::Cause,
            write::Write,
        },
        error::StoreError,
        keys::{API_KEYS, account_partition},
    },
};

/// The stored count of the unrevoked keys of one type.
#[derive(Default, Deserialize)]
struct KeyCount {
    #[serde(default)]
    count: Option<i64>,
    /// The number of changes of the item.
    #[serde(default)]
    changes: u64,
}

impl KeyCount {
    fn from_item(item: Option<impl Into<BatchItem>>) -> Result<Self, StoreError> {
        Ok(item.map(to_entity).transpose()?.unwrap_or_default())
    }

    /// Returns the count, or `None` if it is unknown.
    fn known(&self) -> Option<u64> {
        self.count.and_then(|count| u64::try_from(count).ok())
    }
}

impl Store {
    /// Returns the number of unrevoked keys of this type. If it is unknown, counts the keys and stores their number.
    ///
    /// The result is exact: each creation and each revocation changes the stored item, and the number is stored only if the item
    /// has not changed since before the keys were read.
    ///
    /// # Errors
    /// If a read or a write fails, or other requests changed the number of keys each time it was counted.
    pub async fn number_of_keys(
        &self,
        account: &Account,
        environment: Environment,
    ) -> Result<u64, StoreError> {
        const IS_COUNTED: &str =
            "#type = :type AND #state.#status = :active AND attribute_not_exists(#epoch)";
        const IS_COUNTED_IN_EPOCH: &str = "#type = :type AND #state.#status = :active AND #epoch = :epoch";
        let key = || Key::key_count(account.id, environment, account.key_epoch);
        let mut retries = self.table.retries();
        loop {
            let stored = KeyCount::from_item(self.table.get(key()).await?)?;
            if let Some(count) = stored.known() {
                return Ok(count);
            }
            let names = [("#type", "type"), ("#state", "state"), ("#status", "status"), ("#epoch", "epoch")];
            let mut values =
                vec![(":type", attribute(environment.as_str())?), (":active", attribute("active")?)];
            let filter = if account.key_epoch == 0 {
                IS_COUNTED
            } else {
                values.push((":epoch", attribute(account.key_epoch)?));
                IS_COUNTED_IN_EPOCH
            };
            let partition = account_partition(account.id);
            let count = self.table.count(partition, API_KEYS, filter, &names, values).await?;
            let write = Write::update(key(), "SET #count = :count, #changes = :next");
            let write = if stored.changes == 0 {
                write.condition("attribute_not_exists(#changes)", || StoreError::Conflict)
            } else {
                write.condition("#changes = :read", || StoreError::Conflict).value(":read", stored.changes)?
            };
            let write = write
                .name("#count", "count")
                .name("#changes", "changes")
                .value(":count", count)?
                .value(":next", stored.changes + 1)?;
            match self.table.write_with(write, &mut retries).await {
                Ok(_) => return Ok(u64::from(count)),
                Err(StoreError::Conflict) if retries.pause(Cause::Conflict).await => {}
                Err(StoreError::Conflict) => return Err(StoreError::Contended),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Returns the write that counts a new key. It fails with `KeyLimitReached` if the account already has `limit` keys of this type,
/// and with `Conflict` if their number is unknown.
pub(super) fn counted_creation(key: &ApiKey, limit: u32) -> Result<Write, StoreError> {
    Write::update(
        Key::key_count(key.account_id, key.environment, key.epoch),
        "SET #count = #count + :one, #changes = #changes + :one",
    )
    .condition_with_item("#count >= :zero AND #count < :limit", creation_error)
    .name("#count", "count")
    .name("#changes", "changes")
    .value(":zero", 0)?
    .value(":one", 1)?
    .value(":limit", limit)
}

fn creation_error(stored: Item) -> StoreError {
    match KeyCount::from_item(Some(stored)) {
        Ok(count) if count.known().is_some() => StoreError::KeyLimitReached,
        Ok(_) => StoreError::Conflict,
        Err(error) => error,
    }
}

/// Returns the writes that count the revocation of `keys`, which belong to one account. They have no condition, so that they never
/// prevent a revocation.
pub(super) fn counted_revocations(keys: &[&ApiKey]) -> Result<Vec<Write>, StoreError> {
    let mut revoked: BTreeMap<(&str, u32), (&ApiKey, i64)> = BTreeMap::new();
    for &key in keys {
        let (_, number) = revoked.entry((key.environment.as_str(), key.epoch)).or_insert((key, 0));
        *number += 1;
    }
    let writes = revoked.into_values().map(|(key, number)| {
        let count = Key::key_count(key.account_id, key.environment, key.epoch);
        Write::update(count, "ADD #count :minus, #changes :one")
            .name("#count", "count")
            .name("#changes", "changes")
            .value(":minus", -number)?
            .value(":one", 1)
    });
    writes.collect()
}

/// Returns the write that makes the number of keys unknown, so that they are counted before the next creation.
pub(super) fn reset_count(account: &Account, environment: Environment) -> Result<Write, StoreError> {
    Write::update(
        Key::key_count(account.id, environment, account.key_epoch),
        "REMOVE #count ADD #changes :one",
    )
    .name("#count", "count")
    .name("#changes", "changes")
    .value(":one", 1)
}
