//! The reads of the authorizer. One strongly consistent `BatchGetItem` loads everything that it needs for a credential.

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

/// How long the warming read may take. Lambda limits the whole start of a function to ten seconds.
const WARMING_TIMEOUT: Duration = Duration::from_secs(2);

impl Store {
    /// Makes the warming read: a `BatchGetItem` of a key that does not exist. The costly parts of a first call, such as the
    /// TLS handshake, then happen before a request waits for them. The read also enables direct batch gets.
    ///
    /// # Errors
    /// If the read fails or takes too long.
    pub(crate) async fn warm_up(&self) -> Result<(), StoreError> {
        let keys = [Key::decoy()];
        let read = timeout(WARMING_TIMEOUT, self.table.batch_get(&keys));
        read.await.map_err(|elapsed| StoreError::Unavailable(elapsed.into()))?.map(drop)
    }

    /// Loads an API key and its account.
    ///
    /// # Errors
    /// If the read fails. It is then unknown whether the key exists.
    pub async fn load_key(&self, account: AccountId, key: KeyId) -> Result<Option<LoadedKey>, StoreError> {
        match self.table.get_many([Key::api_key(account, key), Key::account(account)]).await? {
            [Some(key), Some(account)] => {
                Ok(Some(LoadedKey { key: to_entity(key)?, account: to_entity(account)? }))
            }
            _ => Ok(None),
        }
    }

    /// Loads a session, its member and their account.
    ///
    /// # Errors
    /// If the read fails. It is then unknown whether the session exists.
    pub async fn load_session(
        &self,
        account: AccountId,
        user: UserId,
        session: SessionId,
    ) -> Result<Option<LoadedSession>, StoreError> {
        let keys = [Key::session(account, user, session), Key::member(account, user), Key::account(account)];
        match self.table.get_many(keys).await? {
            [Some(session), member, Some(account)] => Ok(Some(LoadedSession {
                session: to_entity(session)?,
                member: member.map(to_entity).transpose()?,
                account: to_entity(account)?,
            })),
            _ => Ok(None),
        }
    }
}
