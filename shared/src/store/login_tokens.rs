//! Reads and writes of logins that wait for the second factor.

use crate::{
    model::{
        account::Account,
        login_token::{LoginToken, MAX_SECOND_FACTOR_ATTEMPTS},
    },
    primitives::{
        id::{AccountId, UserId},
        timestamp::Timestamp,
    },
    store::{
        Store,
        dynamodb::{
            attributes::{to_entity, to_item, with_ttl},
            key::Key,
            write::Write,
        },
        error::StoreError,
        member_credentials::{Credentials, credentials},
    },
};

impl Store {
    /// Stores a login whose password was right. It replaces an earlier one of the same member.
    ///
    /// # Errors
    /// If the write fails.
    pub async fn create_login_token(&self, token: &LoginToken) -> Result<(), StoreError> {
        let item = to_item(Key::login_token(token.account_id, token.user_id), token)?;
        self.table.write(Write::put(with_ttl(item, token.expires_at)?)).await.map(drop)
    }

    /// Loads the login of a member that waits for the second factor, with the member and the account.
    ///
    /// # Errors
    /// If the read fails.
    pub async fn login_token(
        &self,
        account: AccountId,
        user: UserId,
    ) -> Result<Option<(LoginToken, Credentials, Account)>, StoreError> {
        let keys = [Key::login_token(account, user), Key::member(account, user), Key::account(account)];
        match self.table.get_many(keys).await? {
            [Some(token), Some(member), Some(account)] => {
                Ok(Some((to_entity(token)?, credentials(member)?, to_entity(account)?)))
            }
            _ => Ok(None),
        }
    }

    /// Counts an attempt with the second factor before it is verified, so that concurrent attempts count like consecutive ones.
    ///
    /// # Errors
    /// If the token was used, replaced or tried too often, or the write fails.
    pub async fn count_second_factor_attempt(&self, token: &LoginToken) -> Result<(), StoreError> {
        let update = Write::update(
            Key::login_token(token.account_id, token.user_id),
            "SET #attempts = #attempts + :one",
        )
        .condition("#digest = :digest AND #attempts < :limit", || StoreError::NoLongerValid)
        .name("#attempts", "attempts")
        .name("#digest", "digest")
        .value(":one", 1)?
        .value(":limit", MAX_SECOND_FACTOR_ATTEMPTS)?
        .value(":digest", &token.digest)?;
        // A transaction, because the SDK can repeat it after a lost response.
        self.table.transact(vec![update]).await
    }

    /// Deletes the challenge of a login whose passkey was rejected, so that it cannot be used again.
    ///
    /// # Errors
    /// If the write fails.
    pub async fn consume_login_challenge(&self, token: &LoginToken) -> Result<(), StoreError> {
        let key = Key::login_token(token.account_id, token.user_id);
        let update = Write::update(key, "REMOVE #challenge")
            .condition("#digest = :digest", || StoreError::NoLongerValid)
            .name("#challenge", "challenge")
            .name("#digest", "digest")
            .value(":digest", &token.digest)?;
        match self.table.write(update).await {
            Ok(_) | Err(StoreError::NoLongerValid) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Returns the write that uses a login token. It fails if the token was used before or another one has replaced it, or if it needs the
/// token's challenge and that was used.
pub(super) fn use_write(
    token: &LoginToken,
    uses_challenge: bool,
    now: Timestamp,
) -> Result<Write, StoreError> {
    let delete = Write::delete(Key::login_token(token.account_id, token.user_id))
        .condition("#digest = :digest AND #expires_at > :now", || StoreError::NoLongerValid)
        .name("#digest", "digest")
        .name("#expires_at", "expires_at")
        .value(":digest", &token.digest)?
        .value(":now", now)?;
    if uses_challenge {
        Ok(delete.and("attribute_exists(#challenge)").name("#challenge", "challenge"))
    } else {
        Ok(delete)
    }
}
