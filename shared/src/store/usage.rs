//! What the use of a credential leaves in the table: of a key, how much of its limit was taken; of either, when it was
//! last used.

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

/// What is needed of a key's item.
#[derive(Deserialize)]
struct Counted {
    counter: Option<Counter>,
}

impl Store {
    /// Takes a batch of the key's quota, or what is left of it, and writes down that the key is used `now`.
    ///
    /// An attempt whose answer was lost takes again: what it took the first time is lost, and no more.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn reserve_quota(
        &self,
        key: &ApiKey,
        wanted: Batch,
        quota: Quota,
        now: Timestamp,
    ) -> Result<Result<ReservedBatch, NoReservation>, StoreError> {
        let mut seen = key.counter;
        for attempt in 0..ATTEMPTS {
            pause_before(attempt).await;
            let taking = match Reservation::plan(wanted, seen, quota) {
                Ok(taking) => taking,
                Err(counter) => return Ok(Err(NoReservation::Exhausted(counter))),
            };
            match self.table.write(reservation_write(key, taking, now)?).await {
                Ok(item) => {
                    let counter =
                        item.map(to_entity::<Counted>).transpose()?.and_then(|counted| counted.counter);
                    let counter = counter.ok_or_else(|| StoreError::malformed("a counter is gone"))?;
                    return Ok(Ok(ReservedBatch { size: taking.batch().size, counter }));
                }
                Err(StoreError::Conflict) => {
                    // As the authorizer reads, so that it needs no other permission.
                    let [item] = self.table.get_together([Key::api_key(key.account_id, key.id)]).await?;
                    seen = item.map(to_entity::<Counted>).transpose()?.and_then(|counted| counted.counter);
                }
                Err(StoreError::Contended) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(Err(NoReservation::Contended))
    }

    /// Puts `rehashed` in the place of the state that was seen of `key`, which is of the same secrets. Where it was
    /// changed meanwhile, that stays.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn rehash_key(&self, key: &ApiKey, rehashed: &KeyState) -> Result<(), StoreError> {
        let update = Write::update(Key::api_key(key.account_id, key.id), "SET #state = :rehashed")
            .condition("#state = :seen", || StoreError::Conflict)
            .name("#state", "state")
            .value(":rehashed", rehashed)?
            .value(":seen", &key.state)?;
        match self.table.write(update).await {
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Writes down that `session` is used `now`, and keeps `digest` of its token from now on. Where it was ended
    /// meanwhile, it stays so.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn use_session(
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

fn reservation_write(key: &ApiKey, taking: Reservation, now: Timestamp) -> Result<Write, StoreError> {
    let item = Key::api_key(key.account_id, key.id);
    let conflict = || StoreError::Conflict;
    let write = match taking {
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
