//! Pending challenges: what a member may do with the response of an authenticator.

use serde::{Deserialize, Serialize};

use crate::primitives::{
    challenge::{CHALLENGE_LIFETIME, Challenge},
    id::{AccountId, UserId},
    timestamp::Timestamp,
};

/// What a challenge is for. It can be used for nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ceremony {
    /// Adds a passkey.
    Registration,
    /// Authenticates a member again who has a session.
    Reauthentication,
    /// Logs in a member whom only the passkey names.
    Login,
}

/// A challenge that was handed out and not used yet.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct PendingChallenge {
    #[serde(skip)]
    pub challenge: Challenge,
    pub ceremony: Ceremony,
    /// The only member who can use the challenge, or `None` at a login.
    #[serde(skip)]
    pub member: Option<(AccountId, UserId)>,
    pub expires_at: Timestamp,
}

impl PendingChallenge {
    /// Creates the record of a challenge that is handed out at `now`.
    #[must_use]
    pub fn new(
        challenge: Challenge,
        ceremony: Ceremony,
        member: Option<(AccountId, UserId)>,
        now: Timestamp,
    ) -> Self {
        Self { challenge, ceremony, member, expires_at: now.plus_seconds(CHALLENGE_LIFETIME) }
    }
}

/// A challenge to which a request claims to respond.
#[derive(Debug, Clone, Copy)]
pub struct ClaimedChallenge {
    pub challenge: Challenge,
    pub ceremony: Ceremony,
    /// The member whom the request comes from, or `None` at a login.
    pub member: Option<(AccountId, UserId)>,
}
