//! Writes: one alone, with its condition, or several as a transaction, of which all are done or none.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    error::{BuildError, ProvideErrorMetadata, SdkError},
    operation::transact_write_items::TransactWriteItemsError,
    types::{
        AttributeValue, CancellationReason, ConditionCheck, Delete, Put, ReturnValue,
        ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
    },
};
use serde::Serialize;

use crate::store::{
    dynamodb::{
        Table,
        attributes::attribute,
        item::Item,
        key::Key,
        retry::{ATTEMPTS, pause_before},
    },
    error::StoreError,
};

/// A write, the condition under which it is done, and what it means where that fails.
///
/// A condition that also holds after its own write lets an attempt whose answer was lost be repeated.
#[derive(Clone)]
pub(in crate::store) struct Write {
    change: Change,
    condition: Option<&'static str>,
    condition_error: ConditionError,
    names: Option<HashMap<String, String>>,
    values: Option<HashMap<String, AttributeValue>>,
}

/// What it means where a condition fails.
#[derive(Clone, Copy)]
enum ConditionError {
    /// This, whatever the item holds.
    Always(fn() -> StoreError),
    /// It depends on the item as it was found, in a transaction's update only.
    WithItem(fn(Item) -> StoreError),
}

#[derive(Clone)]
enum Change {
    Put(Item),
    Update(Item, &'static str),
    Delete(Item),
    /// Changes nothing: the condition alone counts. In a transaction only.
    Check(Item),
}

/// A request's builder with a write's condition. A macro, because the SDK's builders share no trait.
macro_rules! with_condition {
    ($builder:ident, $condition:ident, $names:ident, $values:ident) => {
        $builder
            .set_condition_expression($condition.map(str::to_owned))
            .set_expression_attribute_names($names)
            .set_expression_attribute_values($values)
    };
}

impl Write {
    fn new(change: Change) -> Self {
        let condition_error = ConditionError::Always(|| StoreError::Conflict);
        Self { change, condition: None, condition_error, names: None, values: None }
    }

    /// Puts `item`.
    pub fn put(item: Item) -> Self {
        Self::new(Change::Put(item))
    }

    /// Puts `item` where none is; where its place is taken, it fails with `taken`.
    pub fn put_new(item: Item, taken: fn() -> StoreError) -> Self {
        Self::put(item).condition("attribute_not_exists(pk)", taken)
    }

    /// Changes the item at `key` as `expression` says.
    pub fn update(key: Key, expression: &'static str) -> Self {
        Self::new(Change::Update(key.into_attributes(), expression))
    }

    /// Deletes the item at `key`.
    pub fn delete(key: Key) -> Self {
        Self::new(Change::Delete(key.into_attributes()))
    }

    /// Changes nothing at `key`, but the transaction fails where its condition does.
    pub fn check(key: Key) -> Self {
        Self::new(Change::Check(key.into_attributes()))
    }

    /// Only where `condition` holds; else it fails with `condition_error`.
    pub fn condition(self, condition: &'static str, condition_error: fn() -> StoreError) -> Self {
        Self { condition: Some(condition), condition_error: ConditionError::Always(condition_error), ..self }
    }

    /// Only where `condition` holds; else it fails with what `condition_error` makes of the item as it was found. For an update
    /// in a transaction.
    pub fn condition_with_item(
        self,
        condition: &'static str,
        condition_error: fn(Item) -> StoreError,
    ) -> Self {
        Self {
            condition: Some(condition),
            condition_error: ConditionError::WithItem(condition_error),
            ..self
        }
    }

    /// Only where there is an item.
    pub fn if_exists(self) -> Self {
        self.condition("attribute_exists(pk)", || StoreError::NotFound)
    }

    /// In its expressions, `placeholder` is the attribute `name`.
    pub fn name(mut self, placeholder: &'static str, name: impl Into<String>) -> Self {
        self.names.get_or_insert_default().insert(placeholder.to_owned(), name.into());
        self
    }

    /// In its expressions, `placeholder` is `value`.
    pub fn value(mut self, placeholder: &'static str, value: impl Serialize) -> Result<Self, StoreError> {
        self.values.get_or_insert_default().insert(placeholder.to_owned(), attribute(value)?);
        Ok(self)
    }

    fn into_transaction_item(self, table: &str) -> Result<TransactWriteItem, BuildError> {
        let Self { change, condition, condition_error, names, values } = self;
        let write = TransactWriteItem::builder();
        Ok(match change {
            Change::Put(item) => {
                let put = Put::builder().table_name(table).set_item(Some(item));
                write.put(with_condition!(put, condition, names, values).build()?)
            }
            Change::Update(key, expression) => {
                let update =
                    Update::builder().table_name(table).set_key(Some(key)).update_expression(expression);
                let update = update.set_return_values_on_condition_check_failure(condition_error.returned());
                write.update(with_condition!(update, condition, names, values).build()?)
            }
            Change::Delete(key) => {
                let delete = Delete::builder().table_name(table).set_key(Some(key));
                write.delete(with_condition!(delete, condition, names, values).build()?)
            }
            Change::Check(key) => {
                let check = ConditionCheck::builder().table_name(table).set_key(Some(key));
                write.condition_check(with_condition!(check, condition, names, values).build()?)
            }
        }
        .build())
    }
}

impl ConditionError {
    /// What `DynamoDB` is to return where the condition fails.
    fn returned(self) -> Option<ReturnValuesOnConditionCheckFailure> {
        matches!(self, Self::WithItem(_)).then_some(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    /// The error, where the condition failed of this item.
    fn error(self, found: Option<&Item>) -> StoreError {
        match self {
            Self::Always(error) => error(),
            Self::WithItem(error) => error(found.cloned().unwrap_or_default()),
        }
    }
}

/// Why an attempt to write failed.
enum WriteError {
    /// Another write of the same item was under way, or there were too many. Nothing was done, so it can be tried again.
    Retryable,
    /// It failed for good.
    Permanent(StoreError),
}

impl Table {
    /// Does `write`. Returns the item as an update left it.
    pub(in crate::store) async fn write(&self, write: Write) -> Result<Option<Item>, StoreError> {
        for attempt in 0..ATTEMPTS {
            pause_before(attempt).await;
            match self.write_once(write.clone()).await {
                Ok(item) => return Ok(item),
                Err(WriteError::Permanent(error)) => return Err(error),
                // The SDK does not try that again.
                Err(WriteError::Retryable) => {}
            }
        }
        Err(StoreError::Contended)
    }

    /// Does all of `writes` or none.
    pub(in crate::store) async fn transact(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        for attempt in 0..ATTEMPTS {
            pause_before(attempt).await;
            match self.transact_once(&writes).await {
                Ok(()) => return Ok(()),
                Err(WriteError::Permanent(error)) => return Err(error),
                Err(WriteError::Retryable) => {}
            }
        }
        Err(StoreError::Contended)
    }

    async fn write_once(&self, write: Write) -> Result<Option<Item>, WriteError> {
        let Write { change, condition, condition_error, names, values } = write;
        match change {
            Change::Put(item) => {
                let put = self.client.put_item().table_name(&self.name).set_item(Some(item));
                let sent = with_condition!(put, condition, names, values).send().await;
                sent.map(|_| None).map_err(|error| write_error(error, condition_error))
            }
            Change::Update(key, expression) => {
                let update = self.client.update_item().table_name(&self.name).set_key(Some(key));
                let update = update.update_expression(expression).return_values(ReturnValue::AllNew);
                let sent = with_condition!(update, condition, names, values).send().await;
                sent.map(|done| done.attributes).map_err(|error| write_error(error, condition_error))
            }
            Change::Delete(key) => {
                let delete = self.client.delete_item().table_name(&self.name).set_key(Some(key));
                let sent = with_condition!(delete, condition, names, values).send().await;
                sent.map(|_| None).map_err(|error| write_error(error, condition_error))
            }
            Change::Check(_) => Err(WriteError::Permanent(StoreError::bug("a check stands alone"))),
        }
    }

    /// The SDK gives each call a token of its own, so that an attempt whose answer was lost changes nothing
    /// twice.
    async fn transact_once(&self, writes: &[Write]) -> Result<(), WriteError> {
        let items: Result<Vec<_>, _> =
            writes.iter().map(|write| write.clone().into_transaction_item(&self.name)).collect();
        let items = items.map_err(|error| WriteError::Permanent(StoreError::bug(error)))?;
        let Err(error) = self.client.transact_write_items().set_transact_items(Some(items)).send().await
        else {
            return Ok(());
        };
        let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error()
        else {
            return Err(WriteError::Permanent(error.into()));
        };
        let reasons = cancelled.cancellation_reasons();
        let has_failed = |reason: &CancellationReason| reason.code() == Some("ConditionalCheckFailed");
        if let Some((reason, write)) = reasons.iter().zip(writes).find(|(reason, _)| has_failed(reason)) {
            Err(WriteError::Permanent(write.condition_error.error(reason.item())))
        } else if reasons.iter().any(is_retryable) {
            Err(WriteError::Retryable)
        } else {
            let codes: Vec<_> = reasons.iter().filter_map(CancellationReason::code).collect();
            Err(WriteError::Permanent(StoreError::Unavailable(
                format!("cancelled: {}", codes.join(", ")).into(),
            )))
        }
    }
}

/// Whether a transaction that was cancelled for this reason may come through later. The SDK does not look at it.
fn is_retryable(reason: &CancellationReason) -> bool {
    matches!(reason.code(), Some("TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded"))
}

fn write_error<E: ProvideErrorMetadata, R>(
    error: SdkError<E, R>,
    condition_error: ConditionError,
) -> WriteError {
    match error.code() {
        Some("ConditionalCheckFailedException") => WriteError::Permanent(condition_error.error(None)),
        Some("TransactionConflictException") => WriteError::Retryable,
        _ => WriteError::Permanent(error.into()),
    }
}
