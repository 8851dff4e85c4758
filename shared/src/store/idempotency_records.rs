//! Idempotency records in the table.

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
    /// The record for this key. It may have stopped counting.
    pub(crate) async fn idempotency_record(
        &self,
        key: &IdempotencyKey,
    ) -> Result<Option<IdempotencyRecord>, StoreError> {
        self.table.get(Key::idempotency_record(key)).await?.map(to_entity).transpose()
    }
}

/// The write that stores a result, for the transaction that carries the request out. It fails if a request with the same
/// key came first.
pub(super) fn store_result(result: &IdempotencyResult) -> Result<Write, StoreError> {
    Write::put(to_item(Key::idempotency_record(&result.key), &result.record)?)
        .only_if("attribute_not_exists(pk) OR #ttl <= :now", || StoreError::Conflict)
        .name("#ttl", "ttl")
        .value(":now", result.at.unix_seconds())
}
