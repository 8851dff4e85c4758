//! API keys in the table.

use super::{
    Store,
    attributes::{item, thing, value},
    failure::{StoreError, done},
    keys::{Key, Kind, account_partition},
};
use crate::{
    api_key::{ApiKey, State},
    cursor::Paging,
    id::{AccountId, KeyId},
    timestamp::Timestamp,
};

impl Store {
    /// Puts a new key into the table.
    ///
    /// The condition lets the same key pass twice, so that an attempt whose answer was lost can be
    /// repeated.
    ///
    /// # Errors
    /// When the table can't be written, or its id is taken.
    pub async fn create_key(&self, key: &ApiKey) -> Result<(), StoreError> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item(Key::api_key(key.account_id, key.id), key)?))
            .condition_expression("attribute_not_exists(pk) OR #state = :state")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":state", value(&key.state)?);
        done(put.send().await)?.map(drop).ok_or_else(|| StoreError::malformed("a new id is taken"))
    }

    /// The key with this id.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn key(&self, account: AccountId, key: KeyId) -> Result<Option<ApiKey>, StoreError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(Key::api_key(account, key).into_attributes()))
            .consistent_read(true)
            .send()
            .await?;
        answer.item.map(thing).transpose()
    }

    /// The account's keys that pass `keep`, newest first; one more than a page where there is a next page.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn keys(
        &self,
        account: AccountId,
        paging: &Paging,
        keep: impl Fn(&ApiKey) -> bool,
    ) -> Result<Vec<ApiKey>, StoreError> {
        self.newest(account_partition(account), Kind::ApiKey, paging, keep).await
    }

    /// Puts `rotated` in the place of `seen`, the same key before. Says whether it was done: not, where
    /// another change came first.
    ///
    /// The condition lets the same rotation pass twice, so that an attempt whose answer was lost can be
    /// repeated.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn rotate_key(&self, seen: &ApiKey, rotated: &ApiKey) -> Result<bool, StoreError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(Key::api_key(rotated.account_id, rotated.id).into_attributes()))
            .update_expression("SET #state = :state, hint = :hint")
            .condition_expression("#state = :seen OR #state = :state")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":seen", value(&seen.state)?)
            .expression_attribute_values(":state", value(&rotated.state)?)
            .expression_attribute_values(":hint", value(&rotated.hint)?);
        Ok(done(update.send().await)?.is_some())
    }

    /// Revokes a key, whatever state it is in: its secrets are gone from the table, so that no change that
    /// was under way can bring one back. A key that was revoked stays as it is.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn revoke_key(&self, account: AccountId, key: KeyId, now: Timestamp) -> Result<(), StoreError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(Key::api_key(account, key).into_attributes()))
            .update_expression("SET #state = :revoked")
            .condition_expression("#state.#status = :active")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":active", value("active")?)
            .expression_attribute_values(":revoked", value(State::Revoked { at: now })?);
        done(update.send().await).map(drop)
    }
}
