//! What the use of a credential leaves in the table: of a key, how much of its limit was taken; of either, when it was
//! last used.

use serde::Deserialize;

use super::{
    Store,
    attributes::thing,
    failure::StoreError,
    keys::Key,
    retries::{ATTEMPTS, pause_before},
    write::Write,
};
use crate::{
    api_key::{ApiKey, State},
    digest::TokenDigest,
    limit::{Batch, Counter, Quota, Taken, Taking, Untaken},
    session::Session,
    timestamp::Timestamp,
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
    pub async fn take_from_quota(
        &self,
        key: &ApiKey,
        wanted: Batch,
        quota: Quota,
        now: Timestamp,
    ) -> Result<Result<Taken, Untaken>, StoreError> {
        let mut seen = key.counter;
        for attempt in 0..ATTEMPTS {
            pause_before(attempt).await;
            let taking = match Taking::plan(wanted, seen, quota) {
                Ok(taking) => taking,
                Err(counter) => return Ok(Err(Untaken::UsedUp(counter))),
            };
            match self.write(write_taking(key, taking, now)?).await {
                Ok(item) => {
                    let counter = item.map(thing::<Counted>).transpose()?.and_then(|counted| counted.counter);
                    let counter = counter.ok_or_else(|| StoreError::malformed("a counter is gone"))?;
                    return Ok(Ok(Taken { size: taking.batch().size, counter }));
                }
                Err(StoreError::Overtaken) => {
                    // As the authorizer reads, so that it needs no other permission.
                    let [item] = self.get_together([Key::api_key(key.account_id, key.id)]).await?;
                    seen = item.map(thing::<Counted>).transpose()?.and_then(|counted| counted.counter);
                }
                Err(StoreError::Crowded) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(Err(Untaken::Crowded))
    }

    /// Puts `redigested` in the place of the state that was seen of `key`, which is of the same secrets. Where it was
    /// changed meanwhile, that stays.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn redigest_key(&self, key: &ApiKey, redigested: &State) -> Result<(), StoreError> {
        let update = Write::update(Key::api_key(key.account_id, key.id), "SET #state = :redigested")
            .only_if("#state = :seen", || StoreError::Overtaken)
            .name("#state", "state")
            .value(":redigested", redigested)?
            .value(":seen", &key.state)?;
        match self.write(update).await {
            Ok(_) | Err(StoreError::Overtaken) => Ok(()),
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
            .only_if_there()
            .name("#last_used_at", "last_used_at")
            .name("#digest", "digest")
            .value(":now", now)?
            .value(":digest", digest)?;
        match self.write(update).await {
            Ok(_) | Err(StoreError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn write_taking(key: &ApiKey, taking: Taking, now: Timestamp) -> Result<Write, StoreError> {
    let item = Key::api_key(key.account_id, key.id);
    let overtaken = || StoreError::Overtaken;
    let write = match taking {
        Taking::First(Batch { window, size }) => {
            Write::update(item, "SET #counter = :counter, #last_used_at = :now")
                .only_if(
                    "attribute_exists(pk) AND (attribute_not_exists(#counter) OR #counter.#window < :window)",
                    overtaken,
                )
                .value(":counter", Counter { window, taken: size })?
                .value(":window", window)?
        }
        Taking::Further { batch: Batch { window, size }, at_most } => {
            Write::update(item, "SET #counter.#taken = #counter.#taken + :size, #last_used_at = :now")
                .only_if("#counter.#window = :window AND #counter.#taken <= :at_most", overtaken)
                .name("#taken", "taken")
                .value(":size", size)?
                .value(":window", window)?
                .value(":at_most", at_most)?
        }
    };
    write
        .name("#counter", "counter")
        .name("#window", "window")
        .name("#last_used_at", "last_used_at")
        .value(":now", now)
}
