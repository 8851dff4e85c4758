//! API keys in the table.

use std::iter;

use super::{
    Store,
    attributes::{item, thing},
    caller::still_let_in,
    failure::StoreError,
    keys::{Key, Kind, account_partition},
    write::Write,
};
use crate::{
    api_key::{ApiKey, State},
    cursor::{Paging, Slice},
    id::{AccountId, KeyId},
    principal::Principal,
    timestamp::Timestamp,
};

impl Store {
    /// Puts a new key into the table, which `maker` makes.
    ///
    /// # Errors
    /// When the maker is no longer let in, or the table can't be written.
    pub async fn create_key(&self, key: &ApiKey, maker: &Principal) -> Result<(), StoreError> {
        let put = Write::put_new(item(Key::api_key(key.account_id, key.id), key)?, StoreError::id_taken);
        self.write_together(vec![put, still_let_in(maker)?]).await
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

    /// Puts `rotated` in the place of `seen`, the same key before, as `caller` asks. A repeated attempt puts
    /// the same.
    ///
    /// # Errors
    /// When another change came first, the caller is no longer let in, or the table can't be written.
    pub async fn rotate_key(
        &self,
        seen: &ApiKey,
        rotated: &ApiKey,
        caller: &Principal,
    ) -> Result<(), StoreError> {
        let key = Key::api_key(rotated.account_id, rotated.id);
        let update = Write::update(key, "SET #state = :state, #hint = :hint")
            .only_if("#state = :seen OR #state = :state", || StoreError::Overtaken)
            .name("#state", "state")
            .name("#hint", "hint")
            .value(":seen", &seen.state)?
            .value(":state", &rotated.state)?
            .value(":hint", &rotated.hint)?;
        let itself = matches!(caller, Principal::ApiKey(key) if key.key_id == seen.id);
        // A key that rotates itself is let in while it is as it was seen, which is the condition already.
        let check = if itself { None } else { Some(still_let_in(caller)?) };
        self.write_together(iter::once(update).chain(check).collect()).await
    }

    /// Revokes a key, whatever secrets it has: they are gone from the table, so that no rotation that was
    /// under way can bring one back. A key that was revoked before stays as it is.
    ///
    /// # Errors
    /// When other changes are in the way, or the table can't be written.
    pub async fn revoke_key(&self, account: AccountId, key: KeyId, now: Timestamp) -> Result<(), StoreError> {
        let update = Write::update(Key::api_key(account, key), "SET #state = :revoked")
            .only_if("#state.#status = :active", || StoreError::NotFound)
            .name("#state", "state")
            .name("#status", "status")
            .value(":active", "active")?
            .value(":revoked", State::Revoked { at: now })?;
        match self.write(update).await {
            // Keys are not deleted, so where there is no active one it was revoked. `Overtaken` would not do:
            // it also says that each attempt met another change, and nothing is revoked.
            Ok(_) | Err(StoreError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
