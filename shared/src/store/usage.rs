//! Writes that record the use of a credential: the reserved part of an API key's quota, and the time of the last use of an
//! API key or a session.

use serde::Deserialize;

use crate::{
    credentials::digest::TokenDigest,
    model::{
        api_key::{ApiKey, KeyState},
        session::Session,
    },
    primitives::{
        quota::{Counter, Quota},
        timestamp::Timestamp,
    },
    rate_limit::batch::{Batch, NoReservation, Reservation, ReservedBatch},
    store::{
        Store,
        dynamodb::{
            attributes::to_entity,
            key::Key,
            retry::{ATTEMPTS, pause_before},
            write::Write,
        },
        error::StoreError,
    },
};

/// The attribute of an API key that contains its counter.
#[derive(Deserialize)]
struct KeyCounter {
    counter: Option<Counter>,
}

impl Store {
    /// Reserves a batch of the key's quota, or the rest of the quota if that is less, and records the use of the key.
    ///
    /// If the response to a write is lost, the retry reserves the batch again. The first reservation is then never spent.
    ///
    /// # Errors
    /// If the write fails.
    pub async fn reserve_quota(
        &self,
        key: &ApiKey,
        wanted: Batch,
        quota: Quota,
        now: Timestamp,
    ) -> Result<Result<ReservedBatch, NoReservation>, StoreError> {
        let mut counter = key.counter;
        for attempt in 0..ATTEMPTS {
            pause_before(attempt).await;
            let reservation = match Reservation::plan(wanted, counter, quota) {
                Ok(reservation) => reservation,
                Err(counter) => return Ok(Err(NoReservation::Exhausted(counter))),
            };
            match self.table.write(reservation_write(key, reservation, now)?).await {
                Ok(item) => {
                    let counter = item.map(to_entity::<KeyCounter>).transpose()?.and_then(|key| key.counter);
                    let counter = counter
                        .ok_or_else(|| StoreError::malformed("a key has no counter after a reservation"))?;
                    return Ok(Ok(ReservedBatch { size: reservation.batch().size, counter }));
                }
                Err(StoreError::Conflict) => {
                    // Uses `BatchGetItem`, so that the authorizer needs no permission for `GetItem`.
                    let [item] = self.table.get_many([Key::api_key(key.account_id, key.id)]).await?;
                    counter = item.map(to_entity::<KeyCounter>).transpose()?.and_then(|key| key.counter);
                }
                Err(StoreError::Contended) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(Err(NoReservation::Contended))
    }

    /// Replaces the state of `key` with `rehashed`, which contains digests of the same secrets. If the stored state has changed
    /// in the meantime, it stays.
    ///
    /// # Errors
    /// If the write fails.
    pub async fn replace_key_digests(&self, key: &ApiKey, rehashed: &KeyState) -> Result<(), StoreError> {
        let update = Write::update(Key::api_key(key.account_id, key.id), "SET #state = :rehashed")
            .condition("#state = :expected", || StoreError::Conflict)
            .name("#state", "state")
            .value(":rehashed", rehashed)?
            .value(":expected", &key.state)?;
        match self.table.write(update).await {
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Records the use of `session` and stores `digest` as the digest of its token. A session that has ended in the meantime
    /// stays ended.
    ///
    /// # Errors
    /// If the write fails.
    pub async fn record_session_use(
        &self,
        session: &Session,
        digest: &TokenDigest,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let key = Key::session(session.account_id, session.user_id, session.id);
        let update = Write::update(key, "SET #last_used_at = :now, #digest = :digest")
            .if_exists()
            .name("#last_used_at", "last_used_at")
            .name("#digest", "digest")
            .value(":now", now)?
            .value(":digest", digest)?;
        match self.table.write(update).await {
            Ok(_) | Err(StoreError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn reservation_write(key: &ApiKey, reservation: Reservation, now: Timestamp) -> Result<Write, StoreError> {
    let item = Key::api_key(key.account_id, key.id);
    let conflict = || StoreError::Conflict;
    let write = match reservation {
        Reservation::StartWindow(Batch { window, size }) => {
            Write::update(item, "SET #counter = :counter, #last_used_at = :now")
                .condition(
                    "attribute_exists(pk) AND (attribute_not_exists(#counter) OR #counter.#window < :window)",
                    conflict,
                )
                .value(":counter", Counter { window, reserved: size })?
                .value(":window", window)?
        }
        Reservation::AddToWindow { batch: Batch { window, size }, max_reserved } => {
            Write::update(item, "SET #counter.#taken = #counter.#taken + :size, #last_used_at = :now")
                .condition("#counter.#window = :window AND #counter.#taken <= :max_reserved", conflict)
                .name("#taken", "taken")
                .value(":size", size)?
                .value(":window", window)?
                .value(":max_reserved", max_reserved)?
        }
    };
    write
        .name("#counter", "counter")
        .name("#window", "window")
        .name("#last_used_at", "last_used_at")
        .value(":now", now)
}
