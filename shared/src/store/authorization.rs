//! What the authorizer reads: all it needs for a credential, in one strongly consistent round trip.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::timeout;

use super::{
    Store,
    attributes::{Item, thing},
    failure::StoreError,
    keys::Key,
};
use crate::{
    access::{FoundKey, FoundSession},
    account::AccountStatus,
    id::{AccountId, KeyId, SessionId, UserId},
};

/// How long a warming read may take: Lambda gives the whole start ten seconds.
const WARMING_LIMIT: Duration = Duration::from_secs(2);

impl Store {
    /// Reads as the authorizer does, though nothing: what is costly about a first call, the TLS handshake above all,
    /// is done then before a request waits for it.
    ///
    /// # Errors
    /// When the table can't be read, or not in time.
    pub async fn warm_up(&self) -> Result<(), StoreError> {
        let read = timeout(WARMING_LIMIT, self.batch_get(vec![Key::nothing().into_attributes()]));
        read.await.map_err(|late| StoreError::Unavailable(late.into()))?.map(drop)
    }

    /// Finds an API key and its account.
    ///
    /// # Errors
    /// When the table can't be read: then nothing is known of the key.
    pub async fn find_key(&self, account: AccountId, key: KeyId) -> Result<FoundKey, StoreError> {
        let [key, account] = self.get_together([Key::api_key(account, key), Key::account(account)]).await?;
        Ok(FoundKey { key: key.map(thing).transpose()?, account: account.map(status).transpose()? })
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
            account: account.map(status).transpose()?,
        })
    }
}

/// The status of the account `item`, which is all that the decision needs of it.
fn status(item: Item) -> Result<AccountStatus, StoreError> {
    #[derive(Deserialize)]
    struct Account {
        status: AccountStatus,
    }
    thing(item).map(|Account { status }| status)
}
