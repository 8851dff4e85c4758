//! The format of tokens, and the only code that makes or reads one.
//!
//! | part | API key | session |
//! |---|---|---|
//! | prefix | `mt_live_` or `mt_test_` | `sess_` |
//! | account | 16 digits | 16 digits |
//! | member | | 16 digits |
//! | key or session | 16 digits | 16 digits |
//! | secret | 32 digits, 190 random bits | 32 digits |
//! | checksum | 6 digits, CRC-32 of all before it | 6 digits |
//!
//! All digits are base62. The prefix lets a scanner find a leaked token, the ids find its item by primary
//! key, and the checksum refuses a typo without a read; the secret alone makes it valid. 128 bits are
//! asked for by OWASP ASVS 5.0.0, 7.2.3.

use std::{fmt, str};

use zeroize::Zeroizing;

use crate::primitives::{
    base62,
    environment::Environment,
    id::{AccountId, ID_DIGITS, Id, KeyId, SessionId, UserId},
    random::Random,
};

const SECRET_DIGITS: usize = 32;
const CHECKSUM_DIGITS: usize = 6;
/// How much of a token's end its hint shows.
const HINT_CHARS: usize = 4;

const fn key_prefix(environment: Environment) -> &'static str {
    match environment {
        Environment::Live => "mt_live_",
        Environment::Test => "mt_test_",
    }
}

const SESSION_PREFIX: &str = "sess_";

/// A token that was just made. Whoever holds it can act as its owner, so it has no `Debug` that shows it,
/// no `Display` and no `Serialize`, and its memory is wiped.
pub struct NewToken(Zeroizing<String>);

impl NewToken {
    fn new(prefix: &str, ids: &[&str], random: &Random) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(128));
        text.push_str(prefix);
        for id in ids {
            text.push_str(id);
        }
        let secret = Zeroizing::new(base62::random_digits::<SECRET_DIGITS>(random));
        text.push_str(ascii(&*secret));
        let checksum = checksum(text.as_bytes());
        text.push_str(ascii(&checksum));
        Self(text)
    }

    /// A new key token.
    #[must_use]
    pub fn for_key(environment: Environment, account: AccountId, key: KeyId, random: &Random) -> Self {
        Self::new(key_prefix(environment), &[account.digits(), key.digits()], random)
    }

    /// A new session token.
    #[must_use]
    pub fn for_session(account: AccountId, user: UserId, session: SessionId, random: &Random) -> Self {
        Self::new(SESSION_PREFIX, &[account.digits(), user.digits(), session.digits()], random)
    }

    /// The token itself, for its digest and for the one answer that shows it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What may be shown of a key's token, so that people can tell their keys apart: `mt_live_…x7Qd`.
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

/// A token that came with a request: well-formed, its checksum right, nothing else known of it.
pub enum Token<'a> {
    /// `mt_live_…` or `mt_test_…`.
    ApiKey(ApiKeyToken<'a>),
    /// `sess_…`.
    Session(SessionToken<'a>),
}

/// An API key's token.
pub struct ApiKeyToken<'a> {
    text: &'a str,
    /// Which type it says it is. The digest covers it.
    pub environment: Environment,
    /// Whose it says it is.
    pub account_id: AccountId,
    /// Which key it says it is.
    pub key_id: KeyId,
}

/// A session's token.
pub struct SessionToken<'a> {
    text: &'a str,
    /// Whose it says it is.
    pub account_id: AccountId,
    /// Whose it says it is.
    pub user_id: UserId,
    /// Which session it says it is.
    pub session_id: SessionId,
}

/// What a token says it is of. Nothing of it is proved.
pub struct Claims {
    /// The account.
    pub account_id: AccountId,
    /// The id of the key or of the member.
    pub principal_id: String,
}

/// Why the value of an `Authorization` header cannot be a token that was ever issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MalformedToken {
    #[error("the scheme is neither Bearer nor Session")]
    UnknownScheme,
    #[error("a session was sent as Bearer")]
    SessionSentAsBearer,
    #[error("an API key was sent as Session")]
    KeySentAsSession,
    /// It has another prefix, length or alphabet.
    #[error("not a token")]
    NotAToken,
    #[error("wrong check digits")]
    WrongCheckDigits,
}

impl<'a> Token<'a> {
    /// What it says it is of.
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
    /// When the value is anything else or the check digits are wrong.
    pub fn from_authorization(value: &'a str) -> Result<Self, MalformedToken> {
        let (scheme, text) = value.split_once(' ').ok_or(MalformedToken::UnknownScheme)?;
        let text = text.trim_matches(' ');
        let key = Environment::ALL
            .into_iter()
            .find_map(|environment| Some((environment, text.strip_prefix(key_prefix(environment))?)));
        let session = text.strip_prefix(SESSION_PREFIX);
        if scheme.eq_ignore_ascii_case("Bearer") {
            match (key, session) {
                (Some((environment, digits)), _) => {
                    Ok(Self::ApiKey(api_key_token(text, environment, digits)?))
                }
                (None, Some(_)) => Err(MalformedToken::SessionSentAsBearer),
                (None, None) => Err(MalformedToken::NotAToken),
            }
        } else if scheme.eq_ignore_ascii_case("Session") {
            match (session, key) {
                (Some(digits), _) => Ok(Self::Session(session_token(text, digits)?)),
                (None, Some(_)) => Err(MalformedToken::KeySentAsSession),
                (None, None) => Err(MalformedToken::NotAToken),
            }
        } else {
            Err(MalformedToken::UnknownScheme)
        }
    }
}

fn api_key_token<'a>(
    text: &'a str,
    environment: Environment,
    digits: &'a str,
) -> Result<ApiKeyToken<'a>, MalformedToken> {
    let [account, key] = ids(text, digits)?;
    Ok(ApiKeyToken { text, environment, account_id: id(account)?, key_id: id(key)? })
}

fn session_token<'a>(text: &'a str, digits: &'a str) -> Result<SessionToken<'a>, MalformedToken> {
    let [account, user, session] = ids(text, digits)?;
    Ok(SessionToken { text, account_id: id(account)?, user_id: id(user)?, session_id: id(session)? })
}

fn id<T>(digits: &str) -> Result<Id<T>, MalformedToken> {
    Id::from_digits(digits).map_err(|_| MalformedToken::NotAToken)
}

impl ApiKeyToken<'_> {
    /// The token itself, for its digest.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.text
    }
}

impl SessionToken<'_> {
    /// The token itself, for its digest.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.text
    }
}

/// The ids in the `digits` behind the prefix of the token `text`, after its length, alphabet and checksum
/// were found right.
fn ids<'a, const N: usize>(text: &'a str, digits: &'a str) -> Result<[&'a str; N], MalformedToken> {
    if digits.len() != N * ID_DIGITS + SECRET_DIGITS + CHECKSUM_DIGITS
        || !base62::is_base62(digits.as_bytes())
    {
        return Err(MalformedToken::NotAToken);
    }
    let (signed, sum) = text.split_at(text.len() - CHECKSUM_DIGITS);
    if sum.as_bytes() != checksum(signed.as_bytes()) {
        return Err(MalformedToken::WrongCheckDigits);
    }
    Ok(std::array::from_fn(|n| &digits[n * ID_DIGITS..(n + 1) * ID_DIGITS]))
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_DIGITS] {
    base62::digits(crc32fast::hash(bytes).into())
}

fn ascii(digits: &[u8]) -> &str {
    str::from_utf8(digits).expect("base62 digits are ASCII")
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::select};
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;
    use crate::primitives::clock::Clock;

    fn random(seed: u64) -> Random {
        Random::new(StdRng::seed_from_u64(seed))
    }

    fn new_key(environment: Environment, seed: u64) -> (AccountId, KeyId, NewToken) {
        let (clock, random) = (Clock::system(), random(seed));
        let (account, key) = (AccountId::new(&clock, &random), KeyId::new(&clock, &random));
        (account, key, NewToken::for_key(environment, account, key, &random))
    }

    #[test]
    fn a_token_debugs_and_hints_without_its_secret() {
        let (_, _, token) = new_key(Environment::Live, 1);
        let text = token.expose();
        assert_eq!(format!("{token:?}"), "NewToken(…)");
        assert_eq!(token.hint(Environment::Live), format!("mt_live_…{}", &text[text.len() - 4..]));
    }

    #[test]
    fn malformed_credential_says_what_is_wrong() {
        let (_, _, token) = new_key(Environment::Live, 1);
        let text = token.expose();
        let last = text.len() - 1;
        let mistyped = format!("{}{}", &text[..last], if text.ends_with('0') { '1' } else { '0' });
        for (value, malformed) in [
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
            assert_eq!(Token::from_authorization(&value).err(), malformed);
        }
    }

    #[test]
    fn a_right_checksum_does_not_mend_a_wrong_length_or_alphabet() {
        let (_, _, token) = new_key(Environment::Live, 1);
        let signed = &token.expose()[..token.expose().len() - CHECKSUM_DIGITS];
        let summed = |signed: &str| format!("Bearer {signed}{}", ascii(&checksum(signed.as_bytes())));
        assert!(Token::from_authorization(&summed(signed)).is_ok());
        let last = signed.len() - 1;
        for signed in [
            signed[..last].to_owned(),
            format!("{signed}0"),
            format!("{}-", &signed[..last]),
            "mt_live_".to_owned(),
        ] {
            assert!(Token::from_authorization(&summed(&signed)).is_err(), "{signed}");
        }
    }

    proptest! {
        #[test]
        fn a_key_token_is_read_as_it_was_made(seed: u64, environment in select(&Environment::ALL[..])) {
            let (account, key, token) = new_key(environment, seed);
            let value = format!("Bearer {}", token.expose());
            let Ok(Token::ApiKey(read)) = Token::from_authorization(&value) else { panic!("not read") };
            prop_assert_eq!((read.environment, read.account_id, read.key_id), (environment, account, key));
            prop_assert_eq!(read.expose(), token.expose());
        }

        #[test]
        fn a_session_token_is_read_as_it_was_made(seed: u64) {
            let (clock, random) = (Clock::system(), random(seed));
            let (account, user, session) =
                (AccountId::new(&clock, &random), UserId::new(&clock, &random), SessionId::new(&clock, &random));
            let token = NewToken::for_session(account, user, session, &random);
            let value = format!("Session {}", token.expose());
            let Ok(Token::Session(read)) = Token::from_authorization(&value) else { panic!("not read") };
            prop_assert_eq!((read.account_id, read.user_id, read.session_id), (account, user, session));
            prop_assert_eq!(read.expose(), token.expose());
        }

        #[test]
        fn any_changed_character_is_refused(seed: u64, at: prop::sample::Index, to: char) {
            let (_, _, token) = new_key(Environment::Live, seed);
            let mut chars: Vec<char> = token.expose().chars().collect();
            let at = at.index(chars.len());
            prop_assume!(chars[at] != to);
            chars[at] = to;
            let value = format!("Bearer {}", chars.into_iter().collect::<String>());
            prop_assert!(Token::from_authorization(&value).is_err());
        }

        #[test]
        fn no_text_makes_it_panic(value: String) {
            prop_assert!(Token::from_authorization(&value).is_err());
        }

        #[test]
        fn no_text_behind_a_scheme_makes_it_panic(value in "(Bearer|Session) (mt_live_|mt_test_|sess_)?\\PC{0,90}") {
            prop_assert!(Token::from_authorization(&value).is_err());
        }
    }
}
