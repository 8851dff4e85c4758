//! Reads, all strongly consistent: one item, several together, a page of a list.

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use serde::de::DeserializeOwned;

use crate::{
    primitives::pagination::{Page, Paging},
    store::{
        dynamodb::{
            Table,
            attributes::to_entity,
            item::{BatchItem, Item},
            key::{ItemKind, Key},
            retry::{ATTEMPTS, pause_before},
        },
        error::StoreError,
    },
};

/// How many reads a page of a list takes at most.
const LIST_READS: usize = 4;

/// How many times as much as the one before each of them takes, up to the 1 MB that `DynamoDB` gives at once.
const LIST_READ_GROWTH: i32 = 4;

impl Table {
    /// The item at `key`.
    pub(in crate::store) async fn get(&self, key: Key) -> Result<Option<Item>, StoreError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.name)
            .set_key(Some(key.into_attributes()))
            .consistent_read(true)
            .send()
            .await?;
        Ok(answer.item)
    }

    /// The items at `keys`, each where it exists.
    pub(in crate::store) async fn get_together<const N: usize>(
        &self,
        keys: [Key; N],
    ) -> Result<[Option<BatchItem>; N], StoreError> {
        let mut found = self.batch_get(&keys).await?;
        // No two of them share a sort key, so it tells them apart.
        Ok(keys.map(|Key { sk, .. }| {
            let sk = serde_dynamo::AttributeValue::S(sk);
            let place = found.iter().position(|item| item.get("sk") == Some(&sk))?;
            Some(found.swap_remove(place))
        }))
    }

    /// The items at `keys` that exist, in any order: by the fast path, or else by the SDK.
    pub(in crate::store) async fn batch_get(&self, keys: &[Key]) -> Result<Vec<BatchItem>, StoreError> {
        match self.direct_batch_get.batch_get(&self.name, keys).await {
            Ok(items) => Ok(items),
            // On the heap, because an SDK's futures are large.
            Err(_) => Box::pin(self.batch_get_by_sdk(keys)).await,
        }
    }

    /// A batch may be answered in part; what is left out is asked for again, since it must not be taken for missing.
    async fn batch_get_by_sdk(&self, keys: &[Key]) -> Result<Vec<BatchItem>, StoreError> {
        let mut keys: Vec<_> = keys.iter().cloned().map(Key::into_attributes).collect();
        let mut items = Vec::with_capacity(keys.len());
        for attempt in 0..ATTEMPTS {
            pause_before(attempt).await;
            let wanted = KeysAndAttributes::builder()
                .set_keys(Some(keys))
                .consistent_read(true)
                .build()
                .map_err(StoreError::bug)?;
            let answer = self.client.batch_get_item().request_items(&self.name, wanted).send().await?;
            items.extend(
                answer.responses.into_iter().flatten().flat_map(|(_, items)| items).map(BatchItem::from),
            );
            let left = answer.unprocessed_keys.and_then(|mut left| left.remove(&self.name));
            keys = left.map(|left| left.keys).unwrap_or_default();
            if keys.is_empty() {
                return Ok(items);
            }
        }
        Err(StoreError::Unavailable("a batch stayed incomplete".into()))
    }

    /// The things of `kind` in the partition `pk` that pass `keep`, newest first, beginning behind
    /// `paging.after`.
    ///
    /// Ids begin with the time, so the order of the sort keys is that of age. The first read takes what
    /// usually suffices; where some of it does not pass, each next one takes [`LIST_READ_GROWTH`] times as much. A
    /// page for which [`LIST_READS`] did not suffice stays short, and the next one begins where it ends. So what a
    /// page costs has a limit, however long the list is.
    pub(in crate::store) async fn newest<T: DeserializeOwned>(
        &self,
        pk: String,
        kind: ItemKind,
        paging: &Paging,
        keep: impl Fn(&T) -> bool,
    ) -> Result<Page<T>, StoreError> {
        let mut entities = Vec::with_capacity(paging.limit);
        let mut next = paging.after.clone();
        // One more than a page holds, to see whether there is a next one.
        let mut limit = i32::try_from(paging.limit + 1).map_err(StoreError::bug)?;
        for _ in 0..LIST_READS {
            let start = next.as_ref().map(|id| kind.key(pk.clone(), id).into_attributes());
            let answer = self
                .client
                .query()
                .table_name(&self.name)
                .consistent_read(true)
                .scan_index_forward(false)
                .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
                .expression_attribute_values(":pk", AttributeValue::S(pk.clone()))
                .expression_attribute_values(":prefix", AttributeValue::S(kind.sort_key_prefix.to_owned()))
                .set_exclusive_start_key(start)
                .limit(limit)
                .send()
                .await?;
            for item in answer.items.into_iter().flatten() {
                let id = kind.id(&item)?;
                let entity = to_entity(item)?;
                if keep(&entity) {
                    if entities.len() == paging.limit {
                        return Ok(Page { entities, next });
                    }
                    entities.push(entity);
                }
                next = Some(id);
            }
            if answer.last_evaluated_key.is_none() {
                return Ok(Page { entities, next: None });
            }
            limit = limit.saturating_mul(LIST_READ_GROWTH);
        }
        Ok(Page { entities, next })
    }
}
