//! The format of tokens. Only this module and [`one_time_token`](super::one_time_token) create or parse them.
//!
//! | part | API key | session | [one-time token](super::one_time_token) |
//! |---|---|---|---|
//! | prefix | `mt_live_` or `mt_test_` | `sess_` | `invite_`, `reset_` or `login_` |
//! | account | 16 digits | 16 digits | 16 digits |
//! | member | | 16 digits | 16 digits |
//! | key or session | 16 digits | 16 digits | |
//! | secret | 27 digits, 160 random bits | 27 digits | 27 digits |
//! | check digits | 11 digits, a MAC of everything before them | 11 digits | 11 digits |
//!
//! All digits are base62.
//!
//! - The prefix lets secret scanners find a leaked token.
//! - The ids are the primary key of the token's item.
//! - Only the secret proves that a token is valid. OWASP ASVS 5.0.0, 7.2.3, requires 128 random bits.
//! - The check digits are a MAC of 64 bits, see [`token_mac`](super::token_mac). Only this service can compute them, so
//!   neither a typo nor a forged token causes a read of the table. 64 bits are enough, because each guess is a request, and
//!   the only gain is one read: at 10,000 requests per second, the first success is expected after 29 million years.

use std::{fmt, str};

use zeroize::Zeroizing;

use crate::{
    credentials::token_mac::TokenMacKey,
    primitives::{
        base62,
        environment::Environment,
        id::{AccountId, ID_DIGITS, Id, KeyId, SessionId, UserId},
        random::Random,
    },
};

const SECRET_DIGITS: usize = 27;
/// 11 digits can represent every number of 64 bits.
const CHECK_DIGITS: usize = 11;
/// How many characters of a token's end its hint shows.
const HINT_CHARS: usize = 4;

/// Returns the number of digits after the prefix of a token with this number of ids.
pub(super) const fn token_digits(ids: usize) -> usize {
    ids * ID_DIGITS + SECRET_DIGITS + CHECK_DIGITS
}

/// The number of ids in the token of an API key: account and key.
pub(super) const KEY_IDS: usize = 2;
/// The number of ids in the token of a session: account, member and session.
pub(super) const SESSION_IDS: usize = 3;

pub(super) const fn key_prefix(environment: Environment) -> &'static str {
    match environment {
        Environment::Live => "mt_live_",
        Environment::Test => "mt_test_",
    }
}

pub(super) const SESSION_PREFIX: &str = "sess_";

/// A newly created token. It grants access, so `Debug` does not show it, it implements neither `Display` nor `Serialize`,
/// and its memory is wiped when it is dropped.
pub struct NewToken(Zeroizing<String>);

impl NewToken {
    /// Creates a token of `prefix`, `ids`, a random secret and the check digits.
    pub(super) fn new(prefix: &str, ids: &[&str], mac_key: &TokenMacKey, random: &Random) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(128));
        text.push_str(prefix);
        for id in ids {
            text.push_str(id);
        }
        let secret = Zeroizing::new(base62::random_digits::<SECRET_DIGITS>(random));
        text.push_str(ascii(&*secret));
        let check_digits: [u8; CHECK_DIGITS] = base62::digits(mac_key.mac(&text));
        text.push_str(ascii(&check_digits));
        Self(text)
    }

    #[must_use]
    pub fn for_key(
        environment: Environment,
        account: AccountId,
        key: KeyId,
        mac_key: &TokenMacKey,
        random: &Random,
    ) -> Self {
        Self::new(key_prefix(environment), &[account.digits(), key.digits()], mac_key, random)
    }

    #[must_use]
    pub fn for_session(
        account: AccountId,
        user: UserId,
        session: SessionId,
        mac_key: &TokenMacKey,
        random: &Random,
    ) -> Self {
        Self::new(SESSION_PREFIX, &[account.digits(), user.digits(), session.digits()], mac_key, random)
    }

    /// Returns the text of the token, for its digest and for the one response that contains it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns the hint of a key's token, such as `mt_live_…x7Qd`. It is shown so that people can tell their keys apart.
    #[must_use]
    pub fn hint(&self, environment: Environment) -> String {
        format!("{}…{}", key_prefix(environment), &self.0[self.0.len() - HINT_CHARS..])
    }
}

impl fmt::Debug for NewToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewToken(…)")
    }
}

/// The token of a request. It is well-formed and has correct check digits, so this service created it. It is not verified
/// yet: its key or session may have ended, or may never have been stored.
pub enum Token<'a> {
    /// `mt_live_…` or `mt_test_…`.
    ApiKey(ApiKeyToken<'a>),
    /// `sess_…`.
    Session(SessionToken<'a>),
}

/// The token of an API key. Its fields are only claims until the token is verified against the key's digest.
pub struct ApiKeyToken<'a> {
    text: &'a str,
    pub environment: Environment,
    pub account_id: AccountId,
    pub key_id: KeyId,
}

/// The token of a session. Its fields are only claims until the token is verified against the session's digest.
pub struct SessionToken<'a> {
    text: &'a str,
    pub account_id: AccountId,
    pub user_id: UserId,
    pub session_id: SessionId,
}

/// The account and the principal that a token names. They are not verified: the credential may have ended long ago.
pub struct Claims {
    pub account_id: AccountId,
    /// The id of the key or of the member.
    pub principal_id: String,
}

/// The reason why the value of an `Authorization` header is not a token of this service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MalformedToken {
    #[error("the scheme is neither Bearer nor Session")]
    UnknownScheme,
    #[error("a session token was sent as Bearer")]
    SessionSentAsBearer,
    #[error("an API key was sent as Session")]
    KeySentAsSession,
    /// The prefix, the length or a character is wrong.
    #[error("not in the format of a token")]
    NotAToken,
    /// A typo, or a token that this service did not create.
    #[error("wrong check digits")]
    WrongCheckDigits,
}

impl<'a> Token<'a> {
    #[must_use]
    pub fn claims(&self) -> Claims {
        match self {
            Self::ApiKey(token) => {
                Claims { account_id: token.account_id, principal_id: token.key_id.to_string() }
            }
            Self::Session(token) => {
                Claims { account_id: token.account_id, principal_id: token.user_id.to_string() }
            }
        }
    }

    /// Parses the value of an `Authorization` header: `Bearer mt_…` or `Session sess_…`. The scheme is case-insensitive
    /// (RFC 9110, 11.1).
    ///
    /// # Errors
    /// Returns an error if the value has another form or the check digits are wrong.
    pub fn from_authorization(value: &'a str, mac_key: &TokenMacKey) -> Result<Self, MalformedToken> {
        let (scheme, text) = value.split_once(' ').ok_or(MalformedToken::UnknownScheme)?;
        let text = text.trim_matches(' ');
        let (key, session) = (strip_key_prefix(text), text.strip_prefix(SESSION_PREFIX));
        if scheme.eq_ignore_ascii_case("Bearer") {
            match (key, session) {
                (Some((environment, digits)), _) => {
                    Ok(Self::ApiKey(api_key_token(text, environment, digits, mac_key)?))
                }
                (None, Some(_)) => Err(MalformedToken::SessionSentAsBearer),
                (None, None) => Err(MalformedToken::NotAToken),
            }
        } else if scheme.eq_ignore_ascii_case("Session") {
            match (session, key) {
                (Some(digits), _) => Ok(Self::Session(session_token(text, digits, mac_key)?)),
                (None, Some(_)) => Err(MalformedToken::KeySentAsSession),
                (None, None) => Err(MalformedToken::NotAToken),
            }
        } else {
            Err(MalformedToken::UnknownScheme)
        }
    }

    /// Parses the text of a token, without a scheme.
    ///
    /// # Errors
    /// Returns an error if the text has another form or the check digits are wrong.
    pub fn from_text(text: &'a str, mac_key: &TokenMacKey) -> Result<Self, MalformedToken> {
        if let Some((environment, digits)) = strip_key_prefix(text) {
            Ok(Self::ApiKey(api_key_token(text, environment, digits, mac_key)?))
        } else if let Some(digits) = text.strip_prefix(SESSION_PREFIX) {
            Ok(Self::Session(session_token(text, digits, mac_key)?))
        } else {
            Err(MalformedToken::NotAToken)
        }
    }

    /// Returns the text of the token, for its digest.
    #[must_use]
    pub fn expose(&self) -> &'a str {
        match self {
            Self::ApiKey(token) => token.text,
            Self::Session(token) => token.text,
        }
    }
}

/// Returns the environment and the digits of a text that begins with the prefix of an API key.
fn strip_key_prefix(text: &str) -> Option<(Environment, &str)> {
    let stripped = |environment| Some((environment, text.strip_prefix(key_prefix(environment))?));
    Environment::ALL.into_iter().find_map(stripped)
}

fn api_key_token<'a>(
    text: &'a str,
    environment: Environment,
    digits: &'a str,
    mac_key: &TokenMacKey,
) -> Result<ApiKeyToken<'a>, MalformedToken> {
    let [account, key] = parse_ids::<KEY_IDS>(text, digits, mac_key)?;
    Ok(ApiKeyToken { text, environment, account_id: parse_id(account)?, key_id: parse_id(key)? })
}

fn session_token<'a>(
    text: &'a str,
    digits: &'a str,
    mac_key: &TokenMacKey,
) -> Result<SessionToken<'a>, MalformedToken> {
    let [account, user, session] = parse_ids::<SESSION_IDS>(text, digits, mac_key)?;
    Ok(SessionToken {
        text,
        account_id: parse_id(account)?,
        user_id: parse_id(user)?,
        session_id: parse_id(session)?,
    })
}

pub(super) fn parse_id<T>(digits: &str) -> Result<Id<T>, MalformedToken> {
    Id::from_digits(digits).map_err(|_| MalformedToken::NotAToken)
}

impl ApiKeyToken<'_> {
    /// Returns the text of the token, for its digest.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.text
    }
}

impl SessionToken<'_> {
    /// Returns the text of the token, for its digest.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.text
    }
}

/// Checks the length, the alphabet and the check digits of the token `text`, and returns its ids. `digits` is the part of
/// `text` after the prefix.
pub(super) fn parse_ids<'a, const N: usize>(
    text: &'a str,
    digits: &'a str,
    mac_key: &TokenMacKey,
) -> Result<[&'a str; N], MalformedToken> {
    if digits.len() != token_digits(N) || !base62::is_base62(digits.as_bytes()) {
        return Err(MalformedToken::NotAToken);
    }
    let (body, check) = text.split_at(text.len() - CHECK_DIGITS);
    if !base62::number(check.as_bytes()).is_some_and(|mac| mac_key.verify(body, mac)) {
        return Err(MalformedToken::WrongCheckDigits);
    }
    Ok(std::array::from_fn(|n| &digits[n * ID_DIGITS..(n + 1) * ID_DIGITS]))
}

fn ascii(digits: &[u8]) -> &str {
    str::from_utf8(digits).expect("base62 digits are ASCII")
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::select};
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;
    use crate::{credentials::token_mac::tests::token_mac_key, primitives::clock::Clock};

    fn random(seed: u64) -> Random {
        Random::new(StdRng::seed_from_u64(seed))
    }

    fn new_key(environment: Environment, seed: u64) -> (AccountId, KeyId, NewToken) {
        let (clock, random) = (Clock::system(), random(seed));
        let (account, key) = (AccountId::new(&clock, &random), KeyId::new(&clock, &random));
        (account, key, NewToken::for_key(environment, account, key, &token_mac_key(), &random))
    }

    fn parse(value: &str) -> Result<Token<'_>, MalformedToken> {
        Token::from_authorization(value, &token_mac_key())
    }

    #[test]
    fn token_has_the_length_that_secret_scanners_expect() {
        let (account, key, token) = new_key(Environment::Live, 1);
        assert_eq!(token.expose().len(), "mt_live_".len() + 70);
        let (user, session) =
            (UserId::new(&Clock::system(), &random(1)), SessionId::new(&Clock::system(), &random(2)));
        let session = NewToken::for_session(account, user, session, &token_mac_key(), &random(3));
        assert_eq!(session.expose().len(), "sess_".len() + 86);
        assert!(token.expose().starts_with(&format!("mt_live_{}{}", account.digits(), key.digits())));
    }

    #[test]
    fn token_of_another_mac_key_has_wrong_check_digits() {
        let other = TokenMacKey::new(vec![b'n'; 32].into()).unwrap();
        let (account, key, _) = new_key(Environment::Live, 1);
        let forged = NewToken::for_key(Environment::Live, account, key, &other, &random(1));
        let value = format!("Bearer {}", forged.expose());
        assert_eq!(parse(&value).err(), Some(MalformedToken::WrongCheckDigits));
        assert!(Token::from_authorization(&value, &other).is_ok());
    }

    #[test]
    fn check_digits_above_64_bits_are_wrong() {
        let (_, _, token) = new_key(Environment::Live, 1);
        let body = &token.expose()[..token.expose().len() - CHECK_DIGITS];
        let value = format!("Bearer {body}{}", "z".repeat(CHECK_DIGITS));
        assert_eq!(parse(&value).err(), Some(MalformedToken::WrongCheckDigits));
    }

    #[test]
    fn debug_output_and_hint_do_not_reveal_the_token() {
        let (_, _, token) = new_key(Environment::Live, 1);
        let text = token.expose();
        assert_eq!(format!("{token:?}"), "NewToken(…)");
        assert_eq!(token.hint(Environment::Live), format!("mt_live_…{}", &text[text.len() - 4..]));
    }

    #[test]
    fn malformed_credential_returns_the_specific_error() {
        let (_, _, token) = new_key(Environment::Live, 1);
        let text = token.expose();
        let last = text.len() - 1;
        let mistyped = format!("{}{}", &text[..last], if text.ends_with('0') { '1' } else { '0' });
        for (value, error) in [
            (format!("Bearer {text}"), None),
            (format!("bEARER   {text}"), None),
            (format!("Session {text}"), Some(MalformedToken::KeySentAsSession)),
            ("Bearer sess_0".to_owned(), Some(MalformedToken::SessionSentAsBearer)),
            (format!("Basic {text}"), Some(MalformedToken::UnknownScheme)),
            (text.to_owned(), Some(MalformedToken::UnknownScheme)),
            (format!("Bearer{text}"), Some(MalformedToken::UnknownScheme)),
            (format!("Bearer {mistyped}"), Some(MalformedToken::WrongCheckDigits)),
            (format!("Bearer {text}, Bearer {text}"), Some(MalformedToken::NotAToken)),
            (format!("Bearer {text} {text}"), Some(MalformedToken::NotAToken)),
            ("Bearer ".to_owned(), Some(MalformedToken::NotAToken)),
            ("Session ".to_owned(), Some(MalformedToken::NotAToken)),
        ] {
            assert_eq!(parse(&value).err(), error);
        }
    }

    #[test]
    fn text_is_a_token_only_without_a_scheme() {
        let (account, key, token) = new_key(Environment::Test, 1);
        let text = token.expose();
        let Ok(Token::ApiKey(parsed)) = Token::from_text(text, &token_mac_key()) else {
            panic!("not parsed")
        };
        assert_eq!((parsed.account_id, parsed.key_id), (account, key));
        for other in
            [&*format!("Bearer {text}"), &format!(" {text}"), &format!("{text}\n"), "sess_", "mt_", ""]
        {
            assert_eq!(
                Token::from_text(other, &token_mac_key()).err(),
                Some(MalformedToken::NotAToken),
                "{other}"
            );
        }
    }

    #[test]
    fn token_of_wrong_length_or_alphabet_is_rejected_despite_correct_check_digits() {
        let (_, _, token) = new_key(Environment::Live, 1);
        let body = &token.expose()[..token.expose().len() - CHECK_DIGITS];
        let with_check_digits = |body: &str| {
            format!("Bearer {body}{}", ascii(&base62::digits::<CHECK_DIGITS>(token_mac_key().mac(body))))
        };
        assert!(parse(&with_check_digits(body)).is_ok());
        let last = body.len() - 1;
        for body in [
            body[..last].to_owned(),
            format!("{body}0"),
            format!("{}-", &body[..last]),
            "mt_live_".to_owned(),
        ] {
            assert!(parse(&with_check_digits(&body)).is_err(), "{body}");
        }
    }

    proptest! {
        #[test]
        fn key_token_parses_to_the_ids_it_was_created_with(seed: u64, environment in select(&Environment::ALL[..])) {
            let (account, key, token) = new_key(environment, seed);
            let value = format!("Bearer {}", token.expose());
            let Ok(Token::ApiKey(parsed)) = parse(&value) else { panic!("not parsed") };
            prop_assert_eq!((parsed.environment, parsed.account_id, parsed.key_id), (environment, account, key));
            prop_assert_eq!(parsed.expose(), token.expose());
        }

        #[test]
        fn session_token_parses_to_the_ids_it_was_created_with(seed: u64) {
            let (clock, random) = (Clock::system(), random(seed));
            let (account, user, session) =
                (AccountId::new(&clock, &random), UserId::new(&clock, &random), SessionId::new(&clock, &random));
            let token = NewToken::for_session(account, user, session, &token_mac_key(), &random);
            let value = format!("Session {}", token.expose());
            for parsed in [parse(&value), Token::from_text(token.expose(), &token_mac_key())] {
                let Ok(Token::Session(parsed)) = parsed else { panic!("not parsed") };
                let ids = (parsed.account_id, parsed.user_id, parsed.session_id);
                prop_assert_eq!(ids, (account, user, session));
                prop_assert_eq!(parsed.expose(), token.expose());
            }
        }

        #[test]
        fn token_with_one_changed_character_is_rejected(seed: u64, at: prop::sample::Index, to: char) {
            let (_, _, token) = new_key(Environment::Live, seed);
            let mut chars: Vec<char> = token.expose().chars().collect();
            let at = at.index(chars.len());
            prop_assume!(chars[at] != to);
            chars[at] = to;
            let value = format!("Bearer {}", chars.into_iter().collect::<String>());
            prop_assert!(parse(&value).is_err());
        }

        #[test]
        fn arbitrary_text_is_rejected_without_panic(value: String) {
            prop_assert!(parse(&value).is_err());
            prop_assert!(Token::from_text(&value, &token_mac_key()).is_err());
        }

        #[test]
        fn arbitrary_text_after_a_scheme_is_rejected_without_panic(value in "(Bearer|Session) (mt_live_|mt_test_|sess_)?\\PC{0,90}") {
            prop_assert!(parse(&value).is_err());
        }
    }
}
