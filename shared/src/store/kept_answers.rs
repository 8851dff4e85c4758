//! Answers in the table that are kept for when their requests are repeated.

use super::{
    Store,
    attributes::{item, thing},
    failure::StoreError,
    keys::Key,
    write::Write,
};
use crate::idempotency::{Answer, Outcome, Place};

impl Store {
    /// The answer that is kept at `place`, for however long it counts.
    pub(crate) async fn kept_answer(&self, place: &Place) -> Result<Option<Answer>, StoreError> {
        self.get(Key::kept_answer(place)).await?.map(thing).transpose()
    }
}

/// The write that keeps `outcome`, for the transaction that brings it about: it fails where a request with the same key
/// came first.
pub(super) fn keep(outcome: &Outcome) -> Result<Write, StoreError> {
    Write::put(item(Key::kept_answer(&outcome.place), &outcome.answer)?)
        .only_if("attribute_not_exists(pk) OR #ttl <= :now", || StoreError::Overtaken)
        .name("#ttl", "ttl")
        .value(":now", outcome.at.unix_seconds())
}
