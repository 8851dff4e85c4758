//! Password resets: a member who forgot their password gets a token by mail, with which they choose a new one.
//!
//! A member has one token at most: a newer one replaces it. A token also ends when all sessions of its member end, for example when
//! the password is changed, or the member or the account is suspended.

use serde::{Deserialize, Serialize};

use crate::{
    credentials::digest::TokenDigest,
    model::{
        account::{Account, AccountStatus},
        mail::MailContext,
        member::Member,
    },
    primitives::{
        email::EmailAddress,
        id::{AccountId, UserId},
        timestamp::Timestamp,
    },
};

/// How long a token lasts, in seconds.
const LIFETIME: u32 = 30 * 60;
/// The minimum time between two tokens that are sent to the same member, in seconds.
const MIN_INTERVAL: u32 = 10 * 60;

/// A request to send a token, as the function with the route hands it over. It says nothing about whether the address belongs to
/// a member.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResetRequest {
    pub email: EmailAddress,
    pub context: MailContext,
}

/// The stored token of a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordReset {
    pub account_id: AccountId,
    pub user_id: UserId,
    pub digest: TokenDigest,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    /// The epoch of the member's sessions when the token was created.
    pub session_epoch: u32,
    /// The epoch of the account's sessions when the token was created.
    pub account_epoch: u32,
}

impl PasswordReset {
    /// Creates the item of a token with this digest.
    #[must_use]
    pub fn new(member: &Member, account: &Account, digest: TokenDigest, now: Timestamp) -> Self {
        Self {
            account_id: member.account_id,
            user_id: member.id,
            digest,
            created_at: now,
            expires_at: now.plus_seconds(LIFETIME),
            session_epoch: member.session_epoch,
            account_epoch: account.session_epoch,
        }
    }

    /// Returns the latest creation of a token that is no longer recent. While a token is recent, no other one is sent.
    pub(crate) fn latest_not_recent(now: Timestamp) -> Timestamp {
        now.minus_seconds(MIN_INTERVAL)
    }

    /// Returns the reset as if its token were not recent, so that another one can be sent at once.
    #[must_use]
    pub(crate) fn not_recent(&self) -> Self {
        Self { created_at: Self::latest_not_recent(self.created_at), ..self.clone() }
    }

    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        now >= self.expires_at
    }

    /// Returns true if no sessions of the member have been ended all at once since the token was created.
    #[must_use]
    pub fn is_of_epochs(&self, member: &Member, account: &Account) -> bool {
        member.session_epoch == self.session_epoch && account.session_epoch == self.account_epoch
    }
}

/// Returns true if the member's password may be reset. A suspended member could not log in with it.
#[must_use]
pub fn may_reset(member: &Member, account: &Account) -> bool {
    member.is_active()
        && account.status == AccountStatus::Active
        && !account.has_unknown_restriction()
        && !member.has_unknown_restriction()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        credentials::pepper::tests::peppers, model::member::tests::any_member,
        primitives::timestamp::tests::timestamp,
    };
    use proptest::{
        strategy::{Strategy, ValueTree},
        test_runner::TestRunner,
    };

    #[test]
    fn token_is_recent_for_ten_minutes_and_lasts_thirty() {
        let member = any_member().new_tree(&mut TestRunner::deterministic()).unwrap().current();
        let digest = TokenDigest::of("a token", &peppers("1"));
        let created = timestamp(1_000);
        let reset = PasswordReset {
            account_id: member.account_id,
            user_id: member.id,
            digest,
            created_at: created,
            expires_at: created.plus_seconds(LIFETIME),
            session_epoch: 0,
            account_epoch: 0,
        };
        for (seconds, recent, expired) in [
            (0, true, false),
            (599, true, false),
            (600, false, false),
            (1_799, false, false),
            (1_800, false, true),
        ] {
            let now = created.plus_seconds(seconds);
            assert_eq!(
                (reset.created_at > PasswordReset::latest_not_recent(now), reset.has_expired(now)),
                (recent, expired),
                "{seconds}"
            );
            assert!(reset.not_recent().created_at <= PasswordReset::latest_not_recent(now), "{seconds}");
        }
    }
}
