//! The partitions that contain the items of an account, for its export.

use std::collections::HashSet;

use serde::Deserialize;

use crate::{
    primitives::{
        environment::Environment,
        id::{AccountId, KeyId, UserId},
    },
    store::{
        Store,
        dynamodb::{
            attributes::to_entity,
            item::Item,
            key::{ItemKind, Key},
        },
        error::StoreError,
        export::ExportPosition,
        keys::{
            ADDRESSES, API_KEYS, MEMBERS, account_partition, audit_partition, caller_partition,
            member_partition, personal_data_partition, project_partition, usage_partition,
        },
    },
};

/// The names of the partitions of an account, sorted, so that an export can continue.
pub struct AccountPartitions(Vec<String>);

impl AccountPartitions {
    /// Returns the position where an export starts.
    #[must_use]
    pub fn start(&self) -> ExportPosition {
        ExportPosition::at_start_of(&self.0[0])
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// An API key, and the member whom it originates from. That member may have been removed.
pub(super) struct KeyOrigin {
    pub key_id: KeyId,
    pub originating_member: Option<UserId>,
}

#[derive(Deserialize)]
struct KeyItem {
    /// Keys of earlier versions have none.
    #[serde(default)]
    originating_member: Option<UserId>,
}

impl Store {
    /// Finds the partitions of an account.
    ///
    /// # Errors
    /// If a read fails.
    pub async fn account_partitions(&self, account: AccountId) -> Result<AccountPartitions, StoreError> {
        let mut people = HashSet::<UserId>::new();
        let mut keys = HashSet::<KeyId>::new();
        let (root, personal_data) = (account_partition(account), personal_data_partition(account));
        for (partition, kind) in [(&root, MEMBERS), (&personal_data, ADDRESSES)] {
            for item in self.all_items(partition, kind).await? {
                people.insert(kind.parsed_id(&item)?);
            }
        }
        let mut after = None;
        loop {
            let (page, next) = self.key_origins(account, after).await?;
            for KeyOrigin { key_id, originating_member } in page {
                keys.insert(key_id);
                people.extend(originating_member);
            }
            after = next;
            if after.is_none() {
                break;
            }
        }
        let mut partitions: Vec<_> =
            Environment::ALL.map(|environment| project_partition(account, environment)).into();
        partitions.extend([root, personal_data, audit_partition(account), usage_partition(account)]);
        for user in people {
            partitions.extend([member_partition(account, user), caller_partition(account, user)]);
        }
        partitions.extend(keys.into_iter().map(|key| caller_partition(account, key)));
        partitions.sort_unstable();
        Ok(AccountPartitions(partitions))
    }

    /// Reads a page of the keys of an account, and returns the key of its last item if there may be more.
    pub(super) async fn key_origins(
        &self,
        account: AccountId,
        after: Option<Key>,
    ) -> Result<(Vec<KeyOrigin>, Option<Key>), StoreError> {
        let (partition, prefix) = (account_partition(account), Some(API_KEYS.sort_key_prefix));
        let attributes = Some("pk, sk, originating_member");
        let (items, next) = self.table.partition(&partition, prefix, after, attributes).await?;
        let origin = |item: Item| {
            let key_id = API_KEYS.parsed_id(&item)?;
            let KeyItem { originating_member } = to_entity(item)?;
            Ok(KeyOrigin { key_id, originating_member })
        };
        Ok((items.into_iter().map(origin).collect::<Result<_, StoreError>>()?, next))
    }

    /// Reads the primary keys of all items of `kind` in a partition.
    async fn all_items(&self, partition: &str, kind: ItemKind) -> Result<Vec<Item>, StoreError> {
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let prefix = Some(kind.sort_key_prefix);
            let (items, next) = self.table.partition(partition, prefix, after, Some("pk, sk")).await?;
            all.extend(items);
            match next {
                Some(next) => after = Some(next),
                None => return Ok(all),
            }
        }
    }
}
