//! Reads and writes of challenges that were handed out. Each can be used once.

use serde::Deserialize;

use crate::{
    model::{
        account::Account,
        challenge::{Ceremony, ClaimedChallenge, PendingChallenge},
    },
    primitives::{
        challenge::Challenge,
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
        member_credentials::{Credentials, PASSWORD, credentials},
    },
};

/// The stored part of a [`PendingChallenge`] that does not follow from its key.
#[derive(Deserialize)]
struct ChallengeItem {
    ceremony: Ceremony,
    expires_at: Timestamp,
}

impl ChallengeItem {
    fn is_valid(&self, ceremony: Ceremony, now: Timestamp) -> bool {
        self.ceremony == ceremony && now < self.expires_at
    }
}

impl Store {
    /// Stores a challenge that is handed out. `DynamoDB` deletes it some time after it expires.
    ///
    /// # Errors
    /// If the write fails.
    pub async fn create_challenge(&self, pending: &PendingChallenge) -> Result<(), StoreError> {
        let item = to_item(Key::challenge(&pending.challenge, pending.member), pending)?;
        self.table.write(Write::put(with_ttl(item, pending.expires_at)?)).await.map(drop)
    }

    /// Loads the member who claims to log in with `challenge`, and the account. Returns `None` if the challenge is not valid at `now`.
    ///
    /// # Errors
    /// If the read fails.
    pub async fn member_at_passkey_login(
        &self,
        challenge: &Challenge,
        account: AccountId,
        user: UserId,
        now: Timestamp,
    ) -> Result<Option<(Credentials, Account)>, StoreError> {
        let keys = [Key::challenge(challenge, None), Key::member(account, user), Key::account(account)];
        let [Some(challenge), Some(member), Some(account)] = self.table.get_many(keys).await? else {
            return Ok(None);
        };
        let challenge: ChallengeItem = to_entity(challenge)?;
        // A member who has not accepted the invitation has no password, and no passkey.
        if !challenge.is_valid(Ceremony::Login, now) || !member.contains_key(PASSWORD) {
            return Ok(None);
        }
        Ok(Some((credentials(member)?, to_entity(account)?)))
    }

    /// Deletes a challenge whose response was rejected, so that it cannot be used again.
    ///
    /// # Errors
    /// If the challenge is no longer valid, or the write fails.
    pub async fn consume_challenge(
        &self,
        claimed: &ClaimedChallenge,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        // A transaction, because the SDK can repeat it after a lost response.
        self.table.transact(vec![use_write(claimed, now)?]).await
    }
}

/// Returns the write that uses a challenge. It fails if the challenge was used before or has expired, or belongs to another ceremony
/// or another member. So of the requests that use a challenge at the same time, one succeeds.
pub(super) fn use_write(claimed: &ClaimedChallenge, now: Timestamp) -> Result<Write, StoreError> {
    Write::delete(Key::challenge(&claimed.challenge, claimed.member))
        .condition("#ceremony = :ceremony AND #expires_at > :now", || StoreError::NoLongerValid)
        .name("#ceremony", "ceremony")
        .name("#expires_at", "expires_at")
        .value(":ceremony", claimed.ceremony)?
        .value(":now", now)
}
