//! API keys in the table.

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
    pub async fn create_key(
        &self,
        key: &ApiKey,
        maker: &Principal,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let put = Write::put_new(item(Key::api_key(key.account_id, key.id), key)?, StoreError::id_taken);
        self.write_together(vec![put, still_let_in(maker, now)?]).await
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
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let key = Key::api_key(rotated.account_id, rotated.id);
        let update = Write::update(key, "SET #state = :state, #hint = :hint")
            .only_if("#state = :seen OR #state = :state", || StoreError::Overtaken)
            .name("#state", "state")
            .name("#hint", "hint")
            .value(":seen", &seen.state)?
            .value(":state", &rotated.state)?
            .value(":hint", &rotated.hint)?;
        if matches!(caller, Principal::ApiKey(key) if key.key_id == seen.id) {
            // Whether it is let in was seen, and the condition holds it.
            return self.write(update).await.map(drop);
        }
        self.write_together(vec![update, still_let_in(caller, now)?]).await
    }

    /// Revokes a key, whatever secrets it has: they are gone from the table, so that no rotation that was
    /// under way can bring one back.
    ///
    /// # Errors
    /// When there is no such key, or the table can't be written.
    pub async fn revoke_key(&self, account: AccountId, key: KeyId) -> Result<(), StoreError> {
        let update = Write::update(Key::api_key(account, key), "SET #state = :revoked")
            .only_if_there()
            .name("#state", "state")
            .value(":revoked", State::Revoked)?;
        self.write(update).await.map(drop)
    }
}
