//! API keys in the table.

use super::{
    Store,
    attributes::{item, thing},
    audit_events::record,
    caller::{account_still_let_in, still_let_in},
    failure::StoreError,
    kept_answers::keep,
    keys::{Key, Kind, account_partition},
    write::Write,
};
use crate::{
    api_key::{ApiKey, State},
    audit::{Action, Occasion},
    cursor::{Paging, Slice},
    id::{AccountId, KeyId},
    idempotency::Outcome,
    principal::Principal,
    timestamp::Timestamp,
};

impl Store {
    /// Puts a new key into the table, which `maker` makes, and keeps the outcome.
    ///
    /// # Errors
    /// When the same request came first, the maker is no longer let in, or the table can't be written.
    pub async fn create_key(
        &self,
        key: &ApiKey,
        maker: &Principal,
        occasion: &Occasion,
        outcome: Option<&Outcome>,
    ) -> Result<(), StoreError> {
        let put = Write::put_new(item(Key::api_key(key.account_id, key.id), key)?, StoreError::id_taken);
        let created = Action::KeyCreated {
            key_id: key.id,
            name: key.name.clone(),
            key_type: key.environment,
            permissions: key.permissions,
            scope: (&key.scope).into(),
            expires_at: key.expires_at,
        };
        let record = record(key.account_id, maker.into(), created, occasion)?;
        let mut writes = vec![put, record];
        writes.extend(still_let_in(maker, occasion.at)?);
        writes.extend(outcome.map(keep).transpose()?);
        self.write_together(writes).await
    }

    /// The key with this id.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn key(&self, account: AccountId, key: KeyId) -> Result<Option<ApiKey>, StoreError> {
        self.get(Key::api_key(account, key)).await?.map(thing).transpose()
    }

    /// The account's keys that pass `keep`, newest first.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn keys(
        &self,
        account: AccountId,
        paging: &Paging,
        keep: impl Fn(&ApiKey) -> bool,
    ) -> Result<Slice<ApiKey>, StoreError> {
        self.newest(account_partition(account), Kind::ApiKey, paging, keep).await
    }

    /// Puts `rotated` in the place of `seen`, the same key before, as `caller` asks. Its previous secret works
    /// until `previous_expires_at`. Keeps the outcome.
    ///
    /// # Errors
    /// When another change came first, the caller is no longer let in, or the table can't be written.
    pub async fn rotate_key(
        &self,
        seen: &ApiKey,
        rotated: &ApiKey,
        previous_expires_at: Timestamp,
        caller: &Principal,
        occasion: &Occasion,
        outcome: Option<&Outcome>,
    ) -> Result<(), StoreError> {
        let update =
            Write::update(Key::api_key(seen.account_id, seen.id), "SET #state = :state, #hint = :hint")
                .only_if("#state = :seen", || StoreError::Overtaken)
                .name("#state", "state")
                .name("#hint", "hint")
                .value(":seen", &seen.state)?
                .value(":state", &rotated.state)?
                .value(":hint", &rotated.hint)?;
        let action = Action::KeyRotated { key_id: seen.id, previous_expires_at };
        let mut writes = vec![update, record(seen.account_id, caller.into(), action, occasion)?];
        if matches!(caller, Principal::ApiKey(key) if key.key_id == seen.id) {
            // Whether a key is let in that rotates itself was seen, and the update's condition holds it.
            writes.push(account_still_let_in(seen.account_id)?);
        } else {
            writes.extend(still_let_in(caller, occasion.at)?);
        }
        writes.extend(outcome.map(keep).transpose()?);
        self.write_together(writes).await
    }

    /// Revokes the key that was `seen`, whatever secrets it has, as `caller` asks: they are gone from the
    /// table, so that no rotation that was under way can bring one back. Again, it changes nothing.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn revoke_key(
        &self,
        seen: &ApiKey,
        caller: &Principal,
        occasion: &Occasion,
    ) -> Result<(), StoreError> {
        let update = Write::update(Key::api_key(seen.account_id, seen.id), "SET #state = :revoked")
            .only_if("#state.#status = :active", || StoreError::Overtaken)
            .name("#state", "state")
            .name("#status", "status")
            .value(":active", "active")?
            .value(":revoked", State::Revoked)?;
        let action = Action::KeyRevoked { key_id: seen.id };
        let record = record(seen.account_id, caller.into(), action, occasion)?;
        match self.write_together(vec![update, record]).await {
            // A key is never deleted, so what came first was a revocation.
            Ok(()) | Err(StoreError::Overtaken) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
