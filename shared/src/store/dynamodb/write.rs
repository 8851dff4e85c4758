//! Conditional writes: a single one, or several in a transaction that is applied completely or not at all.

use std::{borrow::Cow, collections::HashMap};

use aws_sdk_dynamodb::{
    Client,
    error::{BuildError, ProvideErrorMetadata, SdkError},
    operation::transact_write_items::TransactWriteItemsError,
    types::{
        AttributeValue, CancellationReason, ConditionCheck, Delete, Put, ReturnValue,
        ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
    },
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use serde::Serialize;

use crate::store::{
    dynamodb::{
        Table,
        attributes::attribute,
        item::Item,
        key::Key,
        retry::{Cause, Retries},
    },
    error::StoreError,
};

/// A write with its condition and the error if the condition fails.
///
/// A write is repeated if its response is lost. If it was applied the first time, the repetition succeeds only if the
/// condition also holds after the write.
#[derive(Clone)]
pub(crate) struct Write {
    change: Change,
    condition: Option<Cow<'static, str>>,
    condition_error: ConditionError,
    names: Option<HashMap<String, String>>,
    values: Option<HashMap<String, AttributeValue>>,
    /// Whether an update outside a transaction returns the item.
    returns_item: bool,
}

/// The error if a condition fails.
#[derive(Clone, Copy)]
enum ConditionError {
    /// The same error for every item.
    Always(fn() -> StoreError),
    /// An error that depends on the stored item. Only an update in a transaction supports this.
    WithItem(fn(Item) -> StoreError),
}

#[derive(Clone)]
enum Change {
    Put(Item),
    Update(Item, Cow<'static, str>),
    Delete(Item),
    /// Only checks the condition. Only a transaction supports this.
    Check(Item),
}

/// Adds a write's condition to a request builder. This is a macro, because the SDK's builders share no trait.
macro_rules! with_condition {
    ($builder:ident, $condition:ident, $names:ident, $values:ident) => {
        $builder
            .set_condition_expression($condition.map(Cow::into_owned))
            .set_expression_attribute_names($names)
            .set_expression_attribute_values($values)
    };
}

impl Write {
    fn new(change: Change) -> Self {
        let condition_error = ConditionError::Always(|| StoreError::Conflict);
        Self { change, condition: None, condition_error, names: None, values: None, returns_item: false }
    }

    /// Creates or replaces an item.
    pub fn put(item: Item) -> Self {
        Self::new(Change::Put(item))
    }

    /// Creates an item. Fails with `error` if an item with this key exists.
    pub fn put_new(item: Item, error: fn() -> StoreError) -> Self {
        Self::put(item).condition("attribute_not_exists(pk)", error)
    }

    /// Updates the item with this key by an update expression.
    pub fn update(key: Key, expression: &'static str) -> Self {
        Self::new(Change::Update(key.into_attributes(), expression.into()))
    }

    /// Adds assignments to an update expression that ends with a `SET` clause.
    pub fn and_set(self, assignments: &'static str) -> Self {
        let change = match self.change {
            Change::Update(key, expression) => {
                Change::Update(key, format!("{expression}, {assignments}").into())
            }
            other => other,
        };
        Self { change, ..self }
    }

    /// Adds a further clause, such as `REMOVE …`, to an update expression.
    pub fn and_clause(self, clause: &'static str) -> Self {
        let change = match self.change {
            Change::Update(key, expression) => Change::Update(key, format!("{expression} {clause}").into()),
            other => other,
        };
        Self { change, ..self }
    }

    pub fn delete(key: Key) -> Self {
        Self::new(Change::Delete(key.into_attributes()))
    }

    /// Changes nothing. The transaction fails if the condition of this check fails.
    pub fn check(key: Key) -> Self {
        Self::new(Change::Check(key.into_attributes()))
    }

    /// Sets the condition expression and the error if it fails.
    pub fn condition(self, condition: &'static str, error: fn() -> StoreError) -> Self {
        Self { condition: Some(condition.into()), condition_error: ConditionError::Always(error), ..self }
    }

    /// Sets the condition expression and a function that returns the error for the stored item if the condition fails.
    ///
    /// Only an update in a transaction supports this.
    pub fn condition_with_item(self, condition: &'static str, error: fn(Item) -> StoreError) -> Self {
        Self { condition: Some(condition.into()), condition_error: ConditionError::WithItem(error), ..self }
    }

    /// Adds a further condition. The error if it fails is the one of the existing condition.
    pub fn and(self, further: &'static str) -> Self {
        let condition =
            self.condition.map_or(further.into(), |condition| format!("{condition} AND {further}").into());
        Self { condition: Some(condition), ..self }
    }

    /// Makes an update outside a transaction return the item after the update.
    pub fn returning_item(self) -> Self {
        Self { returns_item: true, ..self }
    }

    /// Sets the condition that the item exists.
    pub fn if_exists(self) -> Self {
        self.condition("attribute_exists(pk)", || StoreError::NotFound)
    }

    /// Defines the attribute name that a placeholder in the expressions stands for.
    pub fn name(mut self, placeholder: &'static str, name: impl Into<String>) -> Self {
        self.names.get_or_insert_default().insert(placeholder.to_owned(), name.into());
        self
    }

    /// Defines the value that a placeholder in the expressions stands for.
    pub fn value(mut self, placeholder: &'static str, value: impl Serialize) -> Result<Self, StoreError> {
        self.values.get_or_insert_default().insert(placeholder.to_owned(), attribute(value)?);
        Ok(self)
    }

    fn into_transaction_item(self, table: &str) -> Result<TransactWriteItem, BuildError> {
        let Self { change, condition, condition_error, names, values, returns_item: _ } = self;
        let write = TransactWriteItem::builder();
        Ok(match change {
            Change::Put(item) => {
                let put = Put::builder().table_name(table).set_item(Some(item));
                write.put(with_condition!(put, condition, names, values).build()?)
            }
            Change::Update(key, expression) => {
                let update = Update::builder()
                    .table_name(table)
                    .set_key(Some(key))
                    .update_expression(expression.into_owned());
                let update =
                    update.set_return_values_on_condition_check_failure(condition_error.return_values());
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
    /// Returns what `DynamoDB` has to return if the condition fails: the stored item or nothing.
    fn return_values(self) -> Option<ReturnValuesOnConditionCheckFailure> {
        matches!(self, Self::WithItem(_)).then_some(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    /// Returns the error if the condition failed for `item`.
    fn error(self, item: Option<&Item>) -> StoreError {
        match self {
            Self::Always(error) => error(),
            Self::WithItem(error) => error(item.cloned().unwrap_or_default()),
        }
    }
}

/// The reason why an attempt to write failed.
enum WriteError {
    /// Nothing was written, and the SDK does not retry this error.
    Retryable(Cause),
    Permanent {
        error: StoreError,
        /// Whether the write may have been applied, or may still be applied.
        may_be_applied: bool,
    },
}

/// The error of a write that is sent only once.
pub(crate) struct UnrepeatedError {
    pub error: StoreError,
    /// Whether the write may have been applied, or may still be applied.
    pub may_be_applied: bool,
}

impl WriteError {
    /// Returns the error of a write that was certainly not applied.
    fn not_applied(error: StoreError) -> Self {
        Self::Permanent { error, may_be_applied: false }
    }
}

impl Table {
    /// Makes a single write. Returns the item if the write is [returning](Write::returning_item) it.
    pub(crate) async fn write(&self, write: Write) -> Result<Option<Item>, StoreError> {
        self.write_with(write, &mut self.retries()).await
    }

    /// Makes a single write with the remaining `retries` of an operation.
    pub(crate) async fn write_with(
        &self,
        write: Write,
        retries: &mut Retries<'_>,
    ) -> Result<Option<Item>, StoreError> {
        let written = self.write_until_applied(&self.client, write, retries).await;
        written.map_err(|UnrepeatedError { error, .. }| error)
    }

    /// Makes a single write that is never sent again if its response is lost, so it is applied at most once even if its condition
    /// still holds afterwards. It is only sent again after `DynamoDB` has rejected it because of a conflict.
    pub(crate) async fn write_unrepeated(
        &self,
        write: Write,
        retries: &mut Retries<'_>,
    ) -> Result<Option<Item>, UnrepeatedError> {
        self.write_until_applied(&self.client_without_retries, write, retries).await
    }

    async fn write_until_applied(
        &self,
        client: &Client,
        write: Write,
        retries: &mut Retries<'_>,
    ) -> Result<Option<Item>, UnrepeatedError> {
        loop {
            match self.write_once(client, write.clone()).await {
                Ok(item) => return Ok(item),
                Err(WriteError::Permanent { error, may_be_applied }) => {
                    return Err(UnrepeatedError { error, may_be_applied });
                }
                Err(WriteError::Retryable(cause)) => {
                    if !retries.pause(cause).await {
                        return Err(UnrepeatedError { error: StoreError::Contended, may_be_applied: false });
                    }
                }
            }
        }
    }

    /// Makes all of `writes` or none of them.
    pub(crate) async fn transact(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        self.transact_with(writes, &mut self.retries()).await
    }

    /// Makes all of `writes` or none of them, with the remaining `retries` of an operation.
    pub(crate) async fn transact_with(
        &self,
        writes: Vec<Write>,
        retries: &mut Retries<'_>,
    ) -> Result<(), StoreError> {
        loop {
            match self.transact_once(&writes).await {
                Ok(()) => return Ok(()),
                Err(WriteError::Permanent { error, .. }) => return Err(error),
                Err(WriteError::Retryable(cause)) => {
                    if !retries.pause(cause).await {
                        return Err(StoreError::Contended);
                    }
                }
            }
        }
    }

    async fn write_once(&self, client: &Client, write: Write) -> Result<Option<Item>, WriteError> {
        let Write { change, condition, condition_error, names, values, returns_item } = write;
        match change {
            Change::Put(item) => {
                let put = client.put_item().table_name(&self.name).set_item(Some(item));
                let sent = with_condition!(put, condition, names, values).send().await;
                sent.map(|_| None).map_err(|error| write_error(error, condition_error))
            }
            Change::Update(key, expression) => {
                let update = client.update_item().table_name(&self.name).set_key(Some(key));
                let returned = if returns_item { ReturnValue::AllNew } else { ReturnValue::None };
                let update = update.update_expression(expression.into_owned()).return_values(returned);
                let sent = with_condition!(update, condition, names, values).send().await;
                sent.map(|output| output.attributes).map_err(|error| write_error(error, condition_error))
            }
            Change::Delete(key) => {
                let delete = client.delete_item().table_name(&self.name).set_key(Some(key));
                let sent = with_condition!(delete, condition, names, values).send().await;
                sent.map(|_| None).map_err(|error| write_error(error, condition_error))
            }
            Change::Check(_) => {
                Err(WriteError::not_applied(StoreError::bug("a check outside a transaction")))
            }
        }
    }

    /// Makes one attempt at a transaction. The SDK adds a client request token, so if it retries after a lost response, the
    /// transaction is not applied twice.
    async fn transact_once(&self, writes: &[Write]) -> Result<(), WriteError> {
        let items: Result<Vec<_>, _> =
            writes.iter().map(|write| write.clone().into_transaction_item(&self.name)).collect();
        let items = items.map_err(|error| WriteError::not_applied(StoreError::bug(error)))?;
        let Err(error) = self.client.transact_write_items().set_transact_items(Some(items)).send().await
        else {
            return Ok(());
        };
        let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error()
        else {
            return Err(WriteError::Permanent { error: error.into(), may_be_applied: true });
        };
        let reasons = cancelled.cancellation_reasons();
        let has_failed = |reason: &CancellationReason| reason.code() == Some("ConditionalCheckFailed");
        if let Some((reason, write)) = reasons.iter().zip(writes).find(|(reason, _)| has_failed(reason)) {
            Err(WriteError::not_applied(write.condition_error.error(reason.item())))
        } else if let Some(cause) = reasons.iter().filter_map(retryable).max() {
            Err(WriteError::Retryable(cause))
        } else {
            let codes: Vec<_> = reasons.iter().filter_map(CancellationReason::code).collect();
            Err(WriteError::not_applied(StoreError::Unavailable(
                format!("cancelled: {}", codes.join(", ")).into(),
            )))
        }
    }
}

/// Returns the cause if a transaction that was cancelled for this reason can be retried. The SDK does not inspect the reasons.
fn retryable(reason: &CancellationReason) -> Option<Cause> {
    match reason.code() {
        Some("TransactionConflict") => Some(Cause::Conflict),
        Some("ThrottlingError" | "ProvisionedThroughputExceeded") => Some(Cause::Throttling),
        _ => None,
    }
}

fn write_error<E: ProvideErrorMetadata>(
    error: SdkError<E, HttpResponse>,
    condition_error: ConditionError,
) -> WriteError {
    match error.code() {
        Some("ConditionalCheckFailedException") => WriteError::not_applied(condition_error.error(None)),
        Some("TransactionConflictException") => WriteError::Retryable(Cause::Conflict),
        _ => {
            // With a status of 400 to 499, `DynamoDB` has rejected the request. After a status of 500 or more, a timeout or a lost
            // connection, it may have written.
            let may_be_applied = match &error {
                SdkError::ConstructionFailure(_) => false,
                SdkError::ServiceError(rejected) => !rejected.raw().status().is_client_error(),
                _ => true,
            };
            WriteError::Permanent { error: error.into(), may_be_applied }
        }
    }
}
