//! What the authorizer reads: all it needs for a credential, in one strongly consistent round trip.

use std::time::Duration;

use tokio::time::timeout;

use crate::{
    authorization::decision::{LoadedKey, LoadedSession},
    primitives::id::{AccountId, KeyId, SessionId, UserId},
    store::{
        Store,
        dynamodb::{attributes::to_entity, key::Key},
        error::StoreError,
    },
};

/// How long a warming read may take: Lambda gives the whole start ten seconds.
const WARMING_LIMIT: Duration = Duration::from_secs(2);

impl Store {
    /// Reads as the authorizer does, though nothing: what is costly about a first call, the TLS handshake above all,
    /// is done then before a request waits for it, and the fast path is open.
    ///
    /// # Errors
    /// When the table can't be read, or not in time.
    pub async fn warm_up(&self) -> Result<(), StoreError> {
        let nothing = [Key::nothing()];
        let read = timeout(WARMING_LIMIT, self.table.batch_get(&nothing));
        read.await.map_err(|late| StoreError::Unavailable(late.into()))?.map(drop)
    }

    /// Finds an API key and its account.
    ///
    /// # Errors
    /// When the table can't be read: then nothing is known of the key.
    pub async fn load_key(&self, account: AccountId, key: KeyId) -> Result<Option<LoadedKey>, StoreError> {
        match self.table.get_together([Key::api_key(account, key), Key::account(account)]).await? {
            [Some(key), Some(account)] => {
                Ok(Some(LoadedKey { key: to_entity(key)?, account: to_entity(account)? }))
            }
            _ => Ok(None),
        }
    }

    /// Finds a session, its member and their account.
    ///
    /// # Errors
    /// When the table can't be read: then nothing is known of the session.
    pub async fn load_session(
        &self,
        account: AccountId,
        user: UserId,
        session: SessionId,
    ) -> Result<Option<LoadedSession>, StoreError> {
        let keys = [Key::session(account, user, session), Key::member(account, user), Key::account(account)];
        match self.table.get_together(keys).await? {
            [Some(session), member, Some(account)] => Ok(Some(LoadedSession {
                session: to_entity(session)?,
                member: member.map(to_entity).transpose()?,
                account: to_entity(account)?,
            })),
            _ => Ok(None),
        }
    }
}
