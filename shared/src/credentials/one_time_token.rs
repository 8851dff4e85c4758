//! Tokens that work once: for the acceptance of an invitation, for a new password, and for the second step of a login. They are sent
//! in the body of a request and authorize nothing else.
//!
//! They have the parts of a [session token](super::token) with other prefixes and without the session's id: the account and the member
//! are the primary key of the item that has the token's digest.

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

/// A well-formed one-time token. Its fields are only claims until the token is verified against the stored digest. It is no credential:
/// no `Authorization` header may contain it.
pub struct OneTimeToken<'a> {
    text: &'a str,
    pub account_id: AccountId,
    pub user_id: UserId,
}

impl<'a> OneTimeToken<'a> {
    /// Parses the text of a token for `purpose`.
    ///
    /// # Errors
    /// Returns an error if the text has another form, is for another purpose, or its check digits are wrong.
    pub fn parse(purpose: Purpose, text: &'a str, mac_key: &TokenMacKey) -> Result<Self, MalformedToken> {
        let digits = text.strip_prefix(purpose.prefix()).ok_or(MalformedToken::NotAToken)?;
        let [account, user] = parse_ids::<IDS>(text, digits, mac_key)?;
        Ok(Self { text, account_id: parse_id(account)?, user_id: parse_id(user)? })
    }

    /// Returns the text of the token, for its digest.
    #[must_use]
    pub fn expose(&self) -> &'a str {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::select};
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;
    use crate::{
        credentials::{token::Token, token_mac::tests::token_mac_key},
        primitives::clock::Clock,
    };

    const PURPOSES: [Purpose; 3] = [Purpose::Invitation, Purpose::PasswordReset, Purpose::SecondFactor];

    fn new_token(purpose: Purpose, seed: u64) -> (AccountId, UserId, NewToken) {
        let (clock, random) = (Clock::system(), Random::new(StdRng::seed_from_u64(seed)));
        let (account, user) = (AccountId::new(&clock, &random), UserId::new(&clock, &random));
        (account, user, NewToken::for_one_use(purpose, account, user, &token_mac_key(), &random))
    }

    proptest! {
        #[test]
        fn token_parses_only_for_its_purpose_and_is_no_credential(seed: u64, purpose in select(&PURPOSES[..])) {
            let (account, user, token) = new_token(purpose, seed);
            let text = token.expose();
            for other in PURPOSES {
                match OneTimeToken::parse(other, text, &token_mac_key()) {
                    Ok(parsed) => {
                        prop_assert_eq!(other, purpose);
                        prop_assert_eq!((parsed.account_id, parsed.user_id, parsed.expose()), (account, user, text));
                    }
                    Err(error) => {
                        prop_assert_ne!(other, purpose);
                        prop_assert_eq!(error, MalformedToken::NotAToken);
                        // The MAC includes the prefix.
                        let renamed = text.replace(purpose.prefix(), other.prefix());
                        let parsed = OneTimeToken::parse(other, &renamed, &token_mac_key());
                        prop_assert_eq!(parsed.err(), Some(MalformedToken::WrongCheckDigits));
                    }
                }
            }
            for scheme in ["Bearer", "Session"] {
                let header = format!("{scheme} {text}");
                prop_assert!(Token::from_authorization(&header, &token_mac_key()).is_err());
            }
            prop_assert!(Token::from_text(text, &token_mac_key()).is_err());
        }

        #[test]
        fn token_with_one_changed_character_is_rejected(seed: u64, at: prop::sample::Index, to: char) {
            let (_, _, token) = new_token(Purpose::PasswordReset, seed);
            let mut chars: Vec<char> = token.expose().chars().collect();
            let at = at.index(chars.len());
            prop_assume!(chars[at] != to);
            chars[at] = to;
            let text: String = chars.into_iter().collect();
            prop_assert!(OneTimeToken::parse(Purpose::PasswordReset, &text, &token_mac_key()).is_err());
        }

        #[test]
        fn arbitrary_text_is_rejected_without_panic(text in "(invite_|reset_|login_)?\\PC{0,90}") {
            for purpose in PURPOSES {
                prop_assert!(OneTimeToken::parse(purpose, &text, &token_mac_key()).is_err());
            }
        }
    }
}
