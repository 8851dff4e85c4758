//! The patterns of tokens, with which secret scanners find leaked ones.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    credentials::token::{KEY_IDS, SESSION_IDS, SESSION_PREFIX, key_prefix, token_digits},
    primitives::{base62, environment::Environment},
};

/// The pattern of the tokens with one prefix.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TokenPattern {
    /// What the tokens are.
    #[serde(rename = "type")]
    pub kind: TokenKind,
    /// A regular expression that matches a token anywhere in a text. It uses only syntax that RE2, PCRE, JavaScript, Python and
    /// Rust share. Its only group contains the token.
    // No check digits: only this service can verify them.
    pub regex: String,
    /// The text that every such token begins with. Search for it first if regular expressions are slow.
    pub prefix: &'static str,
}

/// The kind of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// An API key.
    ApiKey,
    /// A session.
    Session,
}

impl TokenPattern {
    /// Returns the patterns of all tokens.
    #[must_use]
    pub fn all() -> [Self; 3] {
        let [live, test] = Environment::ALL
            .map(|environment| Self::new(TokenKind::ApiKey, key_prefix(environment), KEY_IDS));
        [live, test, Self::new(TokenKind::Session, SESSION_PREFIX, SESSION_IDS)]
    }

    fn new(kind: TokenKind, prefix: &'static str, ids: usize) -> Self {
        let regex = format!(r"\b({prefix}{}{{{}}})\b", base62::CHARACTER_CLASS, token_digits(ids));
        Self { kind, regex, prefix }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::select};
    use rand::{SeedableRng, rngs::StdRng};
    use regex::{Regex, RegexBuilder};

    use super::*;
    use crate::{
        credentials::{token::NewToken, token_mac::tests::token_mac_key},
        primitives::{
            clock::Clock,
            id::{AccountId, KeyId, SessionId, UserId},
            random::Random,
        },
    };

    /// The published patterns. Without Unicode, as RE2 and JavaScript evaluate them.
    fn patterns() -> [(TokenPattern, Regex); 3] {
        TokenPattern::all().map(|pattern| {
            let regex = RegexBuilder::new(&pattern.regex).unicode(false).build().unwrap();
            (pattern, regex)
        })
    }

    /// The tokens that the patterns find in `text`, with their prefixes.
    fn found(text: &str) -> Vec<(&'static str, String)> {
        let patterns = patterns();
        let found = patterns.iter().flat_map(|(pattern, regex)| {
            regex.captures_iter(text).map(|captures| (pattern.prefix, captures[1].to_owned()))
        });
        found.collect()
    }

    /// A token of each prefix.
    fn tokens(seed: u64) -> [(&'static str, NewToken); 3] {
        let (clock, random) = (Clock::system(), Random::new(StdRng::seed_from_u64(seed)));
        let account = AccountId::new(&clock, &random);
        let key = |environment| {
            NewToken::for_key(environment, account, KeyId::new(&clock, &random), &token_mac_key(), &random)
        };
        let (user, session) = (UserId::new(&clock, &random), SessionId::new(&clock, &random));
        let session = NewToken::for_session(account, user, session, &token_mac_key(), &random);
        [("mt_live_", key(Environment::Live)), ("mt_test_", key(Environment::Test)), ("sess_", session)]
    }

    #[test]
    fn patterns_are_derived_from_the_format_of_tokens() {
        let patterns = TokenPattern::all().map(|pattern| (pattern.kind, pattern.prefix, pattern.regex));
        assert_eq!(
            patterns,
            [
                (TokenKind::ApiKey, "mt_live_", r"\b(mt_live_[0-9A-Za-z]{70})\b".to_owned()),
                (TokenKind::ApiKey, "mt_test_", r"\b(mt_test_[0-9A-Za-z]{70})\b".to_owned()),
                (TokenKind::Session, "sess_", r"\b(sess_[0-9A-Za-z]{86})\b".to_owned()),
            ]
        );
    }

    proptest! {
        #[test]
        fn token_is_found_by_exactly_its_own_pattern(
            seed: u64,
            before in select(&["", "key=", "\"", "Bearer ", "https://example.com/?k=", "\n"][..]),
            after in select(&["", "\"", "\n", ", ", "&x=1", "."][..]),
        ) {
            for (prefix, token) in tokens(seed) {
                let text = format!("{before}{}{after}", token.expose());
                prop_assert_eq!(found(&text), [(prefix, token.expose().to_owned())]);
            }
        }

        #[test]
        fn near_misses_are_not_found(seed: u64, at: prop::sample::Index, other in "[^0-9A-Za-z]") {
            for (prefix, token) in tokens(seed) {
                let text = token.expose();
                let at = prefix.len() + at.index(text.len() - prefix.len());
                for near_miss in [
                    text[..text.len() - 1].to_owned(),
                    format!("{text}0"),
                    format!("x{text}"),
                    format!("_{text}"),
                    text.replacen('_', "-", 1),
                    text.to_uppercase(),
                    format!("{}{other}{}", &text[..at], &text[at + 1..]),
                ] {
                    prop_assert_eq!(found(&near_miss), [], "{}", near_miss);
                }
            }
        }
    }
}
