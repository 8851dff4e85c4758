//! Invitations: how a person becomes a member. Whoever has the token chooses the member's password.

use serde::{Deserialize, Serialize};

use crate::{credentials::digest::TokenDigest, primitives::timestamp::Timestamp};

/// How long an invitation can be accepted, in seconds: 7 days.
const INVITATION_LIFETIME: u32 = 7 * 24 * 60 * 60;

/// The invitation of a member who has not accepted it yet. A new one replaces it. Accepting it, removing or suspending the member,
/// and ending the sessions of the account end it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// The digest of the invitation's token.
    pub digest: TokenDigest,
    pub expires_at: Timestamp,
    /// The account's [`session_epoch`](crate::model::account::Account::session_epoch) when the member was invited.
    pub account_epoch: u32,
}

impl Invitation {
    #[must_use]
    pub fn new(digest: TokenDigest, account_epoch: u32, now: Timestamp) -> Self {
        Self { digest, expires_at: now.plus_seconds(INVITATION_LIFETIME), account_epoch }
    }

    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{credentials::pepper::tests::peppers, primitives::timestamp::tests::timestamp};

    #[test]
    fn invitation_expires_after_seven_days() {
        let invitation = Invitation::new(TokenDigest::of("token", &peppers("1")), 3, timestamp(10));
        let end = 10 + 7 * 24 * 60 * 60;
        assert!(!invitation.has_expired(timestamp(end - 1)));
        assert!(invitation.has_expired(timestamp(end)));
    }
}
