//! Logins that wait for the second factor.

use serde::{Deserialize, Serialize};

use crate::{
    credentials::digest::TokenDigest,
    model::{account::Account, member::Member},
    primitives::{
        challenge::{CHALLENGE_LIFETIME, Challenge},
        id::{AccountId, UserId},
        timestamp::Timestamp,
    },
};

/// The number of second factors that can be tried with one login token.
pub const MAX_SECOND_FACTOR_ATTEMPTS: u32 = 5;

/// A login whose password was right. A member has at most one: a further one replaces it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoginToken {
    pub account_id: AccountId,
    pub user_id: UserId,
    pub digest: TokenDigest,
    /// The challenge for a passkey, or `None` if it was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<Challenge>,
    /// The member's session epoch when the password was verified.
    pub session_epoch: u32,
    /// The account's session epoch when the password was verified.
    pub account_epoch: u32,
    /// The number of second factors that were tried.
    pub attempts: u32,
    pub expires_at: Timestamp,
}

impl LoginToken {
    /// Creates the record of a login whose password was right.
    #[must_use]
    pub fn new(
        member: &Member,
        account: &Account,
        digest: TokenDigest,
        challenge: Challenge,
        now: Timestamp,
    ) -> Self {
        Self {
            account_id: member.account_id,
            user_id: member.id,
            digest,
            challenge: Some(challenge),
            session_epoch: member.session_epoch,
            account_epoch: account.session_epoch,
            attempts: 0,
            expires_at: now.plus_seconds(CHALLENGE_LIFETIME),
        }
    }

    /// Returns true if the login can go on at `now`: whatever ends the member's sessions also ends it.
    #[must_use]
    pub fn is_valid(&self, member: &Member, account_epoch: u32, now: Timestamp) -> bool {
        now < self.expires_at
            && self.attempts < MAX_SECOND_FACTOR_ATTEMPTS
            && member.accepts_session_epoch(self.session_epoch)
            && account_epoch == self.account_epoch
    }
}
