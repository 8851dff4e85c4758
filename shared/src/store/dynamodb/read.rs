//! Reads of one item, of several items, and of a page of a list. All are strongly consistent.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, Select};
use serde::de::DeserializeOwned;

use crate::{
    primitives::pagination::{Page, Paging},
    store::{
        dynamodb::{
            Table,
            attributes::to_entity,
            item::{BatchItem, Item},
            key::{ItemKind, Key},
            retry::Cause,
        },
        error::StoreError,
    },
};

/// The maximum number of queries for one page of a list.
const MAX_LIST_READS: usize = 4;

/// The factor by which the limit of each query of a page grows. A query returns at most 1 MB in any case.
const LIST_READ_GROWTH: i32 = 4;

/// The number of items that the query of a filtered page reads at most. A query returns at most 1 MB in any case.
const FILTERED_LIMIT: i32 = 1_000;

/// The number of items that each query of a count reads at most, so that no query takes as long as the timeout of a call.
const COUNT_LIMIT: i32 = 500;

/// The number of items of a partition that one query reads at most.
const PARTITION_LIMIT: i32 = 100;

/// Conditions that `DynamoDB` checks for each item that a query reads.
#[derive(Default)]
pub(crate) struct Filter {
    conditions: Vec<&'static str>,
    names: BTreeMap<&'static str, &'static str>,
    values: BTreeMap<&'static str, String>,
}

impl Filter {
    /// Adds a condition with the attribute names and the value of its placeholders.
    pub fn and(
        &mut self,
        condition: &'static str,
        names: &[(&'static str, &'static str)],
        (placeholder, value): (&'static str, String),
    ) {
        self.conditions.push(condition);
        self.names.extend(names.iter().copied());
        self.values.insert(placeholder, value);
    }
}

impl Table {
    /// Reads one item.
    pub(crate) async fn get(&self, key: Key) -> Result<Option<Item>, StoreError> {
        let response = self
            .client
            .get_item()
            .table_name(&self.name)
            .set_key(Some(key.into_attributes()))
            .consistent_read(true)
            .send()
            .await?;
        Ok(response.item)
    }

    /// Reads the items with `keys`. The results are in the order of the keys, with `None` for an item that does not exist.
    pub(crate) async fn get_many<const N: usize>(
        &self,
        keys: [Key; N],
    ) -> Result<[Option<BatchItem>; N], StoreError> {
        let mut items = self.batch_get(&keys).await?;
        // The sort keys are unique among `keys`, so they identify the items.
        Ok(keys.map(|Key { sk, .. }| {
            let sk = serde_dynamo::AttributeValue::S(sk);
            let index = items.iter().position(|item| item.get("sk") == Some(&sk))?;
            Some(items.swap_remove(index))
        }))
    }

    /// Reads the items with `keys` that exist, in any order. Uses a direct batch get, and the SDK if that fails.
    pub(crate) async fn batch_get(&self, keys: &[Key]) -> Result<Vec<BatchItem>, StoreError> {
        let (items, read) = self.batch_get_available(keys).await;
        read.map(|()| items)
    }

    /// Reads the items with `keys` that exist, as [`Table::batch_get`] does. If some of them cannot be read, also returns those
    /// that were read.
    pub(crate) async fn batch_get_available(&self, keys: &[Key]) -> (Vec<BatchItem>, Result<(), StoreError>) {
        if let Ok(items) = self.direct_batch_get.batch_get(&self.name, keys).await {
            return (items, Ok(()));
        }
        let mut items = Vec::with_capacity(keys.len());
        // Boxed, because the SDK's futures are large.
        let read = Box::pin(self.batch_get_with_sdk(keys, &mut items)).await;
        (items, read)
    }

    /// Reads the items with `keys` that exist, and adds them to `items`. A response may leave keys unprocessed. They are
    /// requested again, because their items must not count as missing. If this fails, `items` contains those that were read.
    async fn batch_get_with_sdk(&self, keys: &[Key], items: &mut Vec<BatchItem>) -> Result<(), StoreError> {
        let mut keys: Vec<_> = keys.iter().cloned().map(Key::into_attributes).collect();
        let mut retries = self.retries();
        loop {
            let request = KeysAndAttributes::builder()
                .set_keys(Some(keys))
                .consistent_read(true)
                .build()
                .map_err(StoreError::bug)?;
            let response = self.client.batch_get_item().request_items(&self.name, request).send().await?;
            items.extend(
                response.responses.into_iter().flatten().flat_map(|(_, items)| items).map(BatchItem::from),
            );
            let unprocessed = response.unprocessed_keys.and_then(|mut tables| tables.remove(&self.name));
            keys = unprocessed.map(|unprocessed| unprocessed.keys).unwrap_or_default();
            if keys.is_empty() {
                return Ok(());
            }
            // DynamoDB leaves keys unprocessed when it throttles.
            if !retries.pause(Cause::Throttling).await {
                return Err(StoreError::Unavailable(
                    "every response to the batch left keys unprocessed".into(),
                ));
            }
        }
    }

    /// Reads the items whose keys are from `first` to `last`, which are in the same partition, in descending order. At most 1 MB.
    pub(crate) async fn range(&self, first: Key, last: Key) -> Result<Vec<Item>, StoreError> {
        let [pk, first, last] = [first.pk, first.sk, last.sk].map(AttributeValue::S);
        let response = self
            .client
            .query()
            .table_name(&self.name)
            .consistent_read(true)
            .scan_index_forward(false)
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":pk", pk)
            .expression_attribute_values(":first", first)
            .expression_attribute_values(":last", last)
            .send()
            .await?;
        Ok(response.items.unwrap_or_default())
    }

    /// Counts the items of `kind` in the partition `pk` for which the condition `filter` holds. Reads all items of that kind, at
    /// most [`COUNT_LIMIT`] with each query.
    pub(crate) async fn count(
        &self,
        pk: String,
        kind: ItemKind,
        filter: &'static str,
        names: &[(&str, &str)],
        values: Vec<(&str, AttributeValue)>,
    ) -> Result<u32, StoreError> {
        let mut query = self
            .client
            .query()
            .table_name(&self.name)
            .consistent_read(true)
            .select(Select::Count)
            .limit(COUNT_LIMIT)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .filter_expression(filter)
            .expression_attribute_values(":pk", AttributeValue::S(pk))
            .expression_attribute_values(":prefix", AttributeValue::S(kind.sort_key_prefix.to_owned()));
        for (placeholder, name) in names {
            query = query.expression_attribute_names(*placeholder, *name);
        }
        for (placeholder, value) in values {
            query = query.expression_attribute_values(placeholder, value);
        }
        let mut count = 0;
        loop {
            let response = query.clone().send().await?;
            count += u32::try_from(response.count).map_err(StoreError::malformed)?;
            if response.last_evaluated_key.is_none() {
                return Ok(count);
            }
            query = query.set_exclusive_start_key(response.last_evaluated_key);
        }
    }

    /// Reads the next items of the partition `pk` after `after`, in ascending order: those whose sort keys begin with `prefix`, and of
    /// each only these `attributes`, or all without them. At most 1 MB, and at most [`PARTITION_LIMIT`] items. Also returns the position
    /// of the next ones, or `None` at the end.
    pub(crate) async fn partition(
        &self,
        pk: &str,
        prefix: Option<&str>,
        after: Option<Key>,
        attributes: Option<&'static str>,
    ) -> Result<(Vec<Item>, Option<Key>), StoreError> {
        let condition = if prefix.is_some() { "pk = :pk AND begins_with(sk, :prefix)" } else { "pk = :pk" };
        let mut query = self
            .client
            .query()
            .table_name(&self.name)
            .consistent_read(true)
            .limit(PARTITION_LIMIT)
            .key_condition_expression(condition)
            .expression_attribute_values(":pk", AttributeValue::S(pk.to_owned()))
            .set_projection_expression(attributes.map(str::to_owned))
            .set_exclusive_start_key(after.map(Key::into_attributes));
        if let Some(prefix) = prefix {
            query = query.expression_attribute_values(":prefix", AttributeValue::S(prefix.to_owned()));
        }
        let response = query.send().await?;
        let next = response.last_evaluated_key.as_ref().map(Key::of).transpose()?;
        Ok((response.items.unwrap_or_default(), next))
    }

    /// Reads the next part of the whole table after `after`, at most 1 MB. Returns the items for which the condition `filter`
    /// holds, and the position of the next part, or `None` at the end of the table.
    pub(crate) async fn scan(
        &self,
        filter: &'static str,
        values: &[(&str, &str)],
        after: Option<Key>,
    ) -> Result<(Vec<Item>, Option<Key>), StoreError> {
        let mut scan =
            self.client.scan().table_name(&self.name).consistent_read(true).filter_expression(filter);
        for (placeholder, value) in values {
            scan = scan.expression_attribute_values(*placeholder, AttributeValue::S((*value).to_owned()));
        }
        let response = scan.set_exclusive_start_key(after.map(Key::into_attributes)).send().await?;
        let next = response.last_evaluated_key.as_ref().map(Key::of).transpose()?;
        Ok((response.items.unwrap_or_default(), next))
    }

    /// Reads a page of the entities of `kind` in the partition `pk` that match `filter`, newest first, starting after
    /// `paging.after`.
    ///
    /// Ids start with the creation time, so sort keys order the items by age. The first query reads just enough items for a
    /// page. If the filter removes some, each further query reads [`LIST_READ_GROWTH`] times as many. If
    /// [`MAX_LIST_READS`] queries do not fill the page, the page stays shorter and the next one starts where it ends. This
    /// limits the cost of a page of a long list.
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        pk: String,
        kind: ItemKind,
        paging: &Paging,
        filter: impl Fn(&T) -> bool,
    ) -> Result<Page<T>, StoreError> {
        let mut entities = Vec::with_capacity(paging.limit);
        let mut next = paging.after.clone();
        // One item more than the page has, to find out whether there is a next page.
        let mut limit = i32::try_from(paging.limit + 1).map_err(StoreError::bug)?;
        for _ in 0..MAX_LIST_READS {
            let start = next.as_ref().map(|id| kind.key(pk.clone(), id).into_attributes());
            let response = self
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
            for item in response.items.into_iter().flatten() {
                let id = kind.id(&item)?;
                let entity = to_entity(item)?;
                if filter(&entity) {
                    if entities.len() == paging.limit {
                        return Ok(Page { entities, next });
                    }
                    entities.push(entity);
                }
                next = Some(id);
            }
            if response.last_evaluated_key.is_none() {
                return Ok(Page { entities, next: None });
            }
            limit = limit.saturating_mul(LIST_READ_GROWTH);
        }
        Ok(Page { entities, next })
    }

    /// Reads a page of the entities of `kind` in the partition `pk` whose sort keys are from `first` to `last` and that match `filter`,
    /// newest first, starting after `paging.after`. It makes one query, which reads at most [`FILTERED_LIMIT`] items if the filter has
    /// conditions. So a page may be short, even empty, although there is a next one.
    pub(crate) async fn page<T: DeserializeOwned>(
        &self,
        pk: String,
        kind: ItemKind,
        (first, last): (String, String),
        Filter { conditions, names, values }: Filter,
        paging: &Paging,
    ) -> Result<Page<T>, StoreError> {
        let start = paging.after.as_ref().map(|id| kind.key(pk.clone(), id));
        // DynamoDB rejects a range that ends before it begins, and a start outside of the range.
        if first > last || start.as_ref().is_some_and(|start| start.sk < first) {
            return Ok(Page { entities: Vec::new(), next: None });
        }
        let start = start.filter(|start| start.sk <= last).map(Key::into_attributes);
        // One item more than the page has, to find out whether there is a next page.
        let limit = i32::try_from(paging.limit + 1).map_err(StoreError::bug)?;
        let mut query = self
            .client
            .query()
            .table_name(&self.name)
            .consistent_read(true)
            .scan_index_forward(false)
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":pk", AttributeValue::S(pk))
            .expression_attribute_values(":first", AttributeValue::S(first))
            .expression_attribute_values(":last", AttributeValue::S(last))
            .set_exclusive_start_key(start)
            .limit(if conditions.is_empty() { limit } else { limit.max(FILTERED_LIMIT) });
        if !conditions.is_empty() {
            query = query.filter_expression(conditions.join(" AND "));
        }
        for (placeholder, name) in names {
            query = query.expression_attribute_names(placeholder, name);
        }
        for (placeholder, value) in values {
            query = query.expression_attribute_values(placeholder, AttributeValue::S(value));
        }
        let response = query.send().await?;
        let mut items = response.items.unwrap_or_default();
        let next = if items.len() > paging.limit {
            items.truncate(paging.limit);
            items.last().map(|last| kind.id(last)).transpose()?
        } else {
            response.last_evaluated_key.as_ref().map(|last| kind.id(last)).transpose()?
        };
        let entities = items.into_iter().map(to_entity).collect::<Result<_, _>>()?;
        Ok(Page { entities, next })
    }
}
