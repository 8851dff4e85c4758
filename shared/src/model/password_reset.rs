//! Password resets: a member who forgot their password gets a token by mail, with which they choose a new one.
//!
//! A member can have several tokens, so nobody can end the token that a member is about to use by requesting another one. The first
//! use of a token ends all of them. They also end when all sessions of the member end, for example when the password is changed, or
//! the member or the account is suspended.

use serde::{Deserialize, Serialize};

use crate::{
    credentials::{
        digest::TokenDigest,
        pepper::{Peppers, UnknownPepper},
    },
    model::{account::Account, mail::MailContext, member::Member},
    primitives::{email::EmailAddress, timestamp::Timestamp},
};

/// How long a token lasts, in seconds.
const LIFETIME: u32 = 30 * 60;
/// The minimum time between two tokens that are sent to the same member, in seconds.
const MIN_INTERVAL: u32 = 10 * 60;
/// The maximum number of tokens of a member. Within the lifetime of a token, at most three are sent. So only further tokens of the
/// operator can displace one that was sent.
const MAX_TOKENS: usize = 4;

/// A request to send a token, as the function with the route hands it over. It says nothing about whether the address belongs to
/// a member.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResetRequest {
    pub email: EmailAddress,
    pub context: MailContext,
}

/// The stored tokens of a member.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordResets {
    /// In the order in which they end if there are too many.
    pub(crate) tokens: Vec<PasswordReset>,
    /// When the latest token is no longer recent. While it is recent, no other one is sent. `None` if the latest token was not sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recent_until: Option<Timestamp>,
}

/// A stored token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordReset {
    pub digest: TokenDigest,
    pub expires_at: Timestamp,
    /// The epoch of the member's sessions when the token was created.
    pub session_epoch: u32,
    /// The epoch of the account's sessions when the token was created.
    pub account_epoch: u32,
}

impl PasswordResets {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Returns true if the latest token is recent.
    #[must_use]
    pub fn are_recent(&self, now: Timestamp) -> bool {
        self.recent_until.is_some_and(|until| now < until)
    }

    /// Returns the tokens of `member` with another one that is created at `now`, and without those that have ended.
    #[must_use]
    pub fn with(&self, new: PasswordReset, member: &Member, account: &Account, now: Timestamp) -> Self {
        let has_ended =
            |reset: &PasswordReset| reset.has_expired(now) || !reset.is_of_epochs(member, account);
        let mut tokens: Vec<_> = self.tokens.iter().filter(|reset| !has_ended(reset)).cloned().collect();
        tokens.push(new);
        tokens.drain(..tokens.len().saturating_sub(MAX_TOKENS));
        Self { tokens, recent_until: Some(now.plus_seconds(MIN_INTERVAL)) }
    }

    /// Returns the tokens after the latest one could not be sent, so that another one can be sent at once.
    ///
    /// The latest token stays valid, because the mail may have been sent nevertheless. It becomes the first to end, so that it
    /// displaces no token that was sent.
    #[must_use]
    pub(crate) fn with_latest_unsent(&self) -> Self {
        let mut tokens = self.tokens.clone();
        if let Some(latest) = tokens.pop() {
            tokens.insert(0, latest);
        }
        Self { tokens, recent_until: None }
    }

    /// Returns when the last token expires.
    pub(crate) fn expire_at(&self) -> Option<Timestamp> {
        self.tokens.iter().map(|reset| reset.expires_at).max()
    }

    /// Returns the pepper versions that are needed to verify a token.
    pub fn pepper_versions(&self) -> impl Iterator<Item = &str> {
        self.tokens.iter().map(|reset| reset.digest.pepper_version())
    }

    /// Returns the stored token that is `text`. It compares `text` with all of them, whichever matches.
    ///
    /// # Errors
    /// If no token matches, and the pepper of one is not available.
    pub fn find(&self, text: &str, peppers: &Peppers) -> Result<Option<&PasswordReset>, UnknownPepper> {
        TokenDigest::find(self.tokens.iter().map(|reset| (&reset.digest, reset)), text, peppers)
    }
}

impl PasswordReset {
    /// Creates a token with this digest.
    #[must_use]
    pub fn new(member: &Member, account: &Account, digest: TokenDigest, now: Timestamp) -> Self {
        Self {
            digest,
            expires_at: now.plus_seconds(LIFETIME),
            session_epoch: member.session_epoch,
            account_epoch: account.session_epoch,
        }
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

#[cfg(test)]
mod tests {
    use proptest::{
        strategy::{Strategy, ValueTree},
        test_runner::TestRunner,
    };

    use super::*;
    use crate::{
        credentials::pepper::{Peppers, tests::pepper, tests::peppers},
        model::member::tests::any_member,
        primitives::timestamp::tests::timestamp,
    };

    fn owner() -> (Member, Account) {
        let member = any_member().new_tree(&mut TestRunner::deterministic()).unwrap().current();
        let name = "Example".to_owned().try_into().unwrap();
        let account = Account::new(member.account_id, name, timestamp(0));
        (member, account)
    }

    /// Adds the token `text` to `resets` at `seconds`.
    fn with(resets: &PasswordResets, text: &str, owner: &(Member, Account), seconds: i64) -> PasswordResets {
        let (member, account) = owner;
        let now = timestamp(seconds);
        let reset = PasswordReset::new(member, account, TokenDigest::of(text, &peppers("1")), now);
        resets.with(reset, member, account, now)
    }

    /// Returns those of the tokens "0" to "9" that are stored.
    fn stored(resets: &PasswordResets) -> String {
        let is_stored = |digit: &char| resets.find(&digit.to_string(), &peppers("1")).unwrap().is_some();
        ('0'..='9').filter(is_stored).collect()
    }

    #[test]
    fn token_is_recent_for_ten_minutes_and_lasts_thirty() {
        let resets = with(&PasswordResets::default(), "0", &owner(), 1_000);
        let reset = resets.find("0", &peppers("1")).unwrap().unwrap();
        for (seconds, recent, expired) in [
            (0, true, false),
            (599, true, false),
            (600, false, false),
            (1_799, false, false),
            (1_800, false, true),
        ] {
            let now = timestamp(1_000 + seconds);
            assert_eq!((resets.are_recent(now), reset.has_expired(now)), (recent, expired), "{seconds}");
        }
        assert_eq!(resets.expire_at(), Some(timestamp(2_800)));
        assert!(!PasswordResets::default().are_recent(timestamp(1_000)));
    }

    #[test]
    fn further_token_drops_those_that_have_expired_or_ended_and_keeps_the_others() {
        let mut owner = owner();
        let first = with(&PasswordResets::default(), "0", &owner, 0);
        let second = with(&first, "1", &owner, 600);
        assert_eq!(stored(&with(&second, "2", &owner, 1_799)), "012");
        assert_eq!(stored(&with(&second, "2", &owner, 1_800)), "12");
        owner.0.session_epoch += 1;
        let of_next_epoch = with(&second, "2", &owner, 1_200);
        assert_eq!(stored(&of_next_epoch), "2");
        owner.1.session_epoch += 1;
        assert_eq!(stored(&with(&of_next_epoch, "3", &owner, 1_200)), "3");
    }

    #[test]
    fn fifth_token_ends_the_earliest() {
        let owner = owner();
        let mut resets = PasswordResets::default();
        for text in ["0", "1", "2", "3", "4"] {
            resets = with(&resets, text, &owner, 0);
        }
        assert_eq!(stored(&resets), "1234");
    }

    #[test]
    fn unsent_token_is_not_recent_and_ends_before_those_that_were_sent() {
        let owner = owner();
        let mut resets = with(&PasswordResets::default(), "0", &owner, 0);
        resets = with(&resets, "1", &owner, 600);
        for text in ["2", "3", "4", "5"] {
            resets = with(&resets, text, &owner, 1_200).with_latest_unsent();
            assert!(!resets.are_recent(timestamp(1_200)), "{text}");
            assert!(stored(&resets).starts_with("01") && stored(&resets).ends_with(text), "{resets:?}");
        }
        let sent = with(&resets, "6", &owner, 1_200);
        assert!(sent.are_recent(timestamp(1_200)));
        assert_eq!((stored(&sent).len(), &*stored(&sent).replace(['2', '3', '4', '5'], "")), (4, "016"));
        assert_eq!(PasswordResets::default().with_latest_unsent(), PasswordResets::default());
    }

    #[test]
    fn token_is_found_although_the_pepper_of_another_one_is_unknown() {
        let (member, account) = owner();
        let reset = |text, version| {
            PasswordReset::new(&member, &account, TokenDigest::of(text, &peppers(version)), timestamp(0))
        };
        let tokens = vec![reset("0", "1"), reset("1", "2"), reset("2", "3")];
        let resets = PasswordResets { tokens, recent_until: None };
        assert!(resets.pepper_versions().eq(["1", "2", "3"]));
        let known = Peppers::new(pepper("3"), Some(pepper("2")));
        for (text, found) in
            [("0", Err(UnknownPepper)), ("1", Ok(Some(1))), ("2", Ok(Some(2))), ("3", Err(UnknownPepper))]
        {
            let found = found.map(|index: Option<usize>| index.map(|index| &resets.tokens[index]));
            assert_eq!(resets.find(text, &known), found, "{text}");
        }
    }
}
