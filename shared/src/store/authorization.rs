//! What the authorizer reads: all it needs for a credential, in one strongly consistent round trip.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};

use super::{
    Store,
    attributes::{Item, thing},
    failure::StoreError,
    keys::Key,
};
use crate::{
    access::{FoundKey, FoundSession},
    id::{AccountId, KeyId, SessionId, UserId},
};

/// How often a batch is asked for what it left out.
const BATCH_ATTEMPTS: u32 = 4;
/// How long the first wait between two such attempts is; each further one is twice as long.
const BATCH_BACKOFF: Duration = Duration::from_millis(20);

impl Store {
    /// Finds an API key and its account.
    ///
    /// # Errors
    /// When the table can't be read: then nothing is known of the key.
    pub async fn find_key(&self, account: AccountId, key: KeyId) -> Result<FoundKey, StoreError> {
        let [key, account] = self.get_together([Key::api_key(account, key), Key::account(account)]).await?;
        Ok(FoundKey { key: key.map(thing).transpose()?, account: account.map(thing).transpose()? })
    }

    /// Finds a session, its member and their account.
    ///
    /// # Errors
    /// When the table can't be read: then nothing is known of the session.
    pub async fn find_session(
        &self,
        account: AccountId,
        user: UserId,
        session: SessionId,
    ) -> Result<FoundSession, StoreError> {
        let keys = [Key::session(account, user, session), Key::member(account, user), Key::account(account)];
        let [session, member, account] = self.get_together(keys).await?;
        Ok(FoundSession {
            session: session.map(thing).transpose()?,
            member: member.map(thing).transpose()?,
            account: account.map(thing).transpose()?,
        })
    }

    /// The items at `keys`, each where it exists.
    pub(super) async fn get_together<const N: usize>(
        &self,
        keys: [Key; N],
    ) -> Result<[Option<Item>; N], StoreError> {
        let sort_keys = keys.each_ref().map(|key| AttributeValue::S(key.sk.clone()));
        let mut found = self.batch_get(keys.into_iter().map(Key::into_attributes).collect()).await?;
        // No two of them share a sort key, so it tells them apart.
        Ok(sort_keys.map(|sk| {
            let place = found.iter().position(|item| item.get("sk") == Some(&sk))?;
            Some(found.swap_remove(place))
        }))
    }

    /// The items at `keys` that exist, in any order. A batch may be answered in part; what is left out is
    /// asked for again, since it must not be taken for missing.
    pub(super) async fn batch_get(&self, mut keys: Vec<Item>) -> Result<Vec<Item>, StoreError> {
        let mut items = Vec::with_capacity(keys.len());
        for attempt in 0..BATCH_ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(BATCH_BACKOFF * 2_u32.pow(attempt - 1)).await;
            }
            let wanted = KeysAndAttributes::builder()
                .set_keys(Some(keys))
                .consistent_read(true)
                .build()
                .map_err(StoreError::malformed)?;
            let answer = self.client.batch_get_item().request_items(&self.table, wanted).send().await?;
            items.extend(answer.responses.into_iter().flatten().flat_map(|(_, items)| items));
            let left = answer.unprocessed_keys.and_then(|mut left| left.remove(&self.table));
            keys = left.map(|left| left.keys).unwrap_or_default();
            if keys.is_empty() {
                return Ok(items);
            }
        }
        Err(StoreError::Unavailable("a batch stayed incomplete".into()))
    }
}
