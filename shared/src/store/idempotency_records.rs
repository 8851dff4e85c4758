//! Reads and writes of idempotency records.

use crate::{
    idempotency::{IdempotencyKey, IdempotencyRecord, IdempotencyResult},
    store::{
        Store,
        dynamodb::{
            attributes::{to_entity, to_item},
            key::Key,
            write::Write,
        },
        error::StoreError,
    },
};

impl Store {
    /// Loads the record for this key. The record may have expired.
    pub(crate) async fn idempotency_record(
        &self,
        key: &IdempotencyKey,
    ) -> Result<Option<IdempotencyRecord>, StoreError> {
        self.table.get(Key::idempotency_record(key)).await?.map(to_entity).transpose()
    }
}

/// Returns the write that stores the result of a request. It belongs in the same transaction as the change that the request
/// makes, and fails if a request with the same key was made first.
pub(super) fn result_write(result: &IdempotencyResult) -> Result<Write, StoreError> {
    Write::put(to_item(Key::idempotency_record(&result.key), &result.record)?)
        .condition("attribute_not_exists(pk) OR #ttl <= :now", || StoreError::Conflict)
        .name("#ttl", "ttl")
        .value(":now", result.at.unix_seconds())
}
