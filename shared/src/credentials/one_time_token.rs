//! Tokens that work once: for the acceptance of an invitation, for a new password, and for the second step of a login. They are sent
//! in the body of a request and authorize nothing else.
//!
//! They have the parts of a [session token](super::token) with other prefixes and without the session's id: the account and the member
//! are the primary key of the item that has the token's digest.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::{
    credentials::{
        token::{MalformedToken, NewToken, parse_id, parse_ids},
        token_mac::TokenMacKey,
    },
    primitives::{
        id::{AccountId, UserId},
        random::Random,
    },
};

/// The number of ids in a one-time token: account and member.
const IDS: usize = 2;

/// What a one-time token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Accepts an invitation.
    Invitation,
    /// Sets a new password.
    PasswordReset,
    /// Completes a login with the second factor.
    SecondFactor,
}

impl Purpose {
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Invitation => "invite_",
            Self::PasswordReset => "reset_",
            Self::SecondFactor => "login_",
        }
    }
}

impl NewToken {
    #[must_use]
    pub fn for_one_use(
        purpose: Purpose,
        account: AccountId,
        user: UserId,
        mac_key: &TokenMacKey,
        random: &Random,
    ) -> Self {
        Self::new(purpose.prefix(), &[account.digits(), user.digits()], mac_key, random)
    }
}

/// The text of a request that should be a one-time token. It may be any text.
// It is probably a secret, so `Debug` does not show it, and its memory is wiped when it is dropped.
#[derive(Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(from = "String")]
pub struct OneTimeTokenText(#[schemars(with = "String")] Zeroizing<String>);

/// A well-formed one-time token. It is not verified yet: its fields are only claims until the token is verified against the stored
/// digest.
pub struct OneTimeToken<'a> {
    text: &'a str,
    pub account_id: AccountId,
    pub user_id: UserId,
}

impl From<String> for OneTimeTokenText {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl fmt::Debug for OneTimeTokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneTimeTokenText(…)")
    }
}

impl OneTimeTokenText {
    /// Parses a token for `purpose`.
    ///
    /// # Errors
    /// Returns an error if the text has another form, is for another purpose, or its check digits are wrong.
    pub fn parse(&self, purpose: Purpose, mac_key: &TokenMacKey) -> Result<OneTimeToken<'_>, MalformedToken> {
        let text = self.0.as_str();
        let digits = text.strip_prefix(purpose.prefix()).ok_or(MalformedToken::NotAToken)?;
        let [account, user] = parse_ids::<IDS>(text, digits, mac_key)?;
        Ok(OneTimeToken { text, account_id: parse_id(account)?, user_id: parse_id(user)? })
    }
}

impl OneTimeToken<'_> {
    /// Returns the text of the token, for its digest.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::select};
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;
    use crate::{credentials::token_mac::tests::token_mac_key, primitives::clock::Clock};

    const PURPOSES: [Purpose; 3] = [Purpose::Invitation, Purpose::PasswordReset, Purpose::SecondFactor];

    fn new_token(purpose: Purpose, seed: u64) -> (AccountId, UserId, NewToken) {
        let (clock, random) = (Clock::system(), Random::new(StdRng::seed_from_u64(seed)));
        let (account, user) = (AccountId::new(&clock, &random), UserId::new(&clock, &random));
        (account, user, NewToken::for_one_use(purpose, account, user, &token_mac_key(), &random))
    }

    #[test]
    fn debug_output_does_not_reveal_the_token() {
        let text: OneTimeTokenText = "secret".to_owned().into();
        assert_eq!(format!("{text:?}"), "OneTimeTokenText(…)");
    }

    proptest! {
        #[test]
        fn token_parses_only_for_its_purpose(seed: u64, purpose in select(&PURPOSES[..])) {
            let (account, user, token) = new_token(purpose, seed);
            let text: OneTimeTokenText = token.expose().to_owned().into();
            for other in PURPOSES {
                match text.parse(other, &token_mac_key()) {
                    Ok(parsed) => {
                        prop_assert_eq!(other, purpose);
                        prop_assert_eq!((parsed.account_id, parsed.user_id), (account, user));
                        prop_assert_eq!(parsed.expose(), token.expose());
                    }
                    Err(error) => {
                        prop_assert_ne!(other, purpose);
                        prop_assert_eq!(error, MalformedToken::NotAToken);
                    }
                }
            }
        }

        #[test]
        fn token_with_one_changed_character_is_rejected(seed: u64, at: prop::sample::Index, to: char) {
            let (_, _, token) = new_token(Purpose::PasswordReset, seed);
            let mut chars: Vec<char> = token.expose().chars().collect();
            let at = at.index(chars.len());
            prop_assume!(chars[at] != to);
            chars[at] = to;
            let text: OneTimeTokenText = chars.into_iter().collect::<String>().into();
            prop_assert!(text.parse(Purpose::PasswordReset, &token_mac_key()).is_err());
        }

        #[test]
        fn arbitrary_text_is_rejected_without_panic(text in "(invite_|reset_|login_)?\\PC{0,90}") {
            let text: OneTimeTokenText = text.into();
            for purpose in PURPOSES {
                prop_assert!(text.parse(purpose, &token_mac_key()).is_err());
            }
        }
    }
}
