//! Transactions: all of their writes are done, or none.

use aws_sdk_dynamodb::{operation::transact_write_items::TransactWriteItemsError, types::TransactWriteItem};

use super::{Store, failure::StoreError};

/// How a transaction ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// All writes were done.
    Done,
    /// None was: the condition of the write at this place failed.
    ConditionFailed(usize),
    /// None was: another transaction was changing the same items.
    Conflict,
}

impl Store {
    /// Does all `writes` or none. The SDK gives each call a token of its own, so that an attempt that is
    /// repeated changes nothing twice.
    pub(super) async fn transact(&self, writes: Vec<TransactWriteItem>) -> Result<Outcome, StoreError> {
        let result = self.client.transact_write_items().set_transact_items(Some(writes)).send().await;
        let Err(error) = result else { return Ok(Outcome::Done) };
        let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error()
        else {
            return Err(error.into());
        };
        let codes =
            || cancelled.cancellation_reasons().iter().map(|reason| reason.code().unwrap_or_default());
        if let Some(place) = codes().position(|code| code == "ConditionalCheckFailed") {
            Ok(Outcome::ConditionFailed(place))
        } else if codes().any(|code| code == "TransactionConflict") {
            Ok(Outcome::Conflict)
        } else {
            Err(error.into())
        }
    }
}
