//! What the authorizer reads: all it needs for a credential, in one strongly consistent round trip.

use std::time::Duration;

use tokio::time::timeout;

use super::{Store, attributes::thing, failure::StoreError, keys::Key};
use crate::{
    access::{FoundKey, FoundSession},
    id::{AccountId, KeyId, SessionId, UserId},
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
        let read = timeout(WARMING_LIMIT, self.batch_get(&nothing));
        read.await.map_err(|late| StoreError::Unavailable(late.into()))?.map(drop)
    }

    /// Finds an API key and its account.
    ///
    /// # Errors
    /// When the table can't be read: then nothing is known of the key.
    pub async fn find_key(&self, account: AccountId, key: KeyId) -> Result<Option<FoundKey>, StoreError> {
        match self.get_together([Key::api_key(account, key), Key::account(account)]).await? {
            [Some(key), Some(account)] => Ok(Some(FoundKey { key: thing(key)?, account: thing(account)? })),
            _ => Ok(None),
        }
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
    ) -> Result<Option<FoundSession>, StoreError> {
        let keys = [Key::session(account, user, session), Key::member(account, user), Key::account(account)];
        match self.get_together(keys).await? {
            [Some(session), member, Some(account)] => Ok(Some(FoundSession {
                session: thing(session)?,
                member: member.map(thing).transpose()?,
                account: thing(account)?,
            })),
            _ => Ok(None),
        }
    }
}
