//! The read of credentials that somebody reported as leaked.

use crate::{
    credentials::token::Token,
    primitives::id::{AccountId, KeyId, SessionId, UserId},
    store::{
        Store,
        credential_scan::StoredCredential,
        dynamodb::{
            attributes::{to_entity, value},
            item::BatchItem,
            key::Key,
        },
        error::StoreError,
        keys::API_KEYS,
    },
};

/// What identifies a credential in the table. Both secrets of an API key have the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CredentialId {
    ApiKey(AccountId, KeyId),
    Session(AccountId, UserId, SessionId),
}

impl From<&Token<'_>> for CredentialId {
    fn from(token: &Token<'_>) -> Self {
        match token {
            Token::ApiKey(token) => Self::ApiKey(token.account_id, token.key_id),
            Token::Session(token) => Self::Session(token.account_id, token.user_id, token.session_id),
        }
    }
}

impl From<&StoredCredential> for CredentialId {
    fn from(credential: &StoredCredential) -> Self {
        match credential {
            StoredCredential::ApiKey(key) => Self::ApiKey(key.account_id, key.id),
            StoredCredential::Session(session) => {
                Self::Session(session.account_id, session.user_id, session.id)
            }
        }
    }
}

impl From<CredentialId> for Key {
    fn from(id: CredentialId) -> Self {
        match id {
            CredentialId::ApiKey(account, key) => Self::api_key(account, key),
            CredentialId::Session(account, user, session) => Self::session(account, user, session),
        }
    }
}

impl Store {
    /// Loads the credentials with `ids` that exist, in any order, in one batch: at most 100 different ids
    /// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>). Also returns an error for each
    /// credential that could not be loaded, and for the rest of the batch if it could not be read.
    pub async fn load_reported_credentials(
        &self,
        ids: &[CredentialId],
    ) -> (Vec<StoredCredential>, Vec<StoreError>) {
        let keys: Vec<Key> = ids.iter().copied().map(Key::from).collect();
        let (items, read) = self.table.batch_get_available(&keys).await;
        let mut credentials = Vec::with_capacity(items.len());
        let mut errors: Vec<_> = read.err().into_iter().collect();
        for item in items {
            match credential(item) {
                Ok(credential) => credentials.push(credential),
                Err(error) => errors.push(error),
            }
        }
        (credentials, errors)
    }
}

fn credential(item: BatchItem) -> Result<StoredCredential, StoreError> {
    let sort_key = item.get("sk").cloned().map(value::<String>).transpose()?.unwrap_or_default();
    if sort_key.starts_with(API_KEYS.sort_key_prefix) {
        Ok(StoredCredential::ApiKey(to_entity(item)?))
    } else {
        Ok(StoredCredential::Session(to_entity(item)?))
    }
}
