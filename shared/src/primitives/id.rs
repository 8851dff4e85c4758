//! Identifiers: a prefix that says what they name, and sixteen base62 digits that sort by age.

use std::{borrow::Cow, fmt, hash, marker::PhantomData, str, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::primitives::{base62, clock::Clock, random::Random};

/// How many digits tell when an id was made: milliseconds since 1970, enough until the year 8888.
const TIME_DIGITS: usize = 8;
/// How many digits are random. They keep apart what is made in the same millisecond.
const RANDOM_DIGITS: usize = 8;
/// How many digits follow the prefix.
pub const ID_DIGITS: usize = TIME_DIGITS + RANDOM_DIGITS;

/// What an id can name.
pub trait Named {
    /// What its ids begin with.
    const PREFIX: &'static str;
}

/// The id of a `T`, for example `key_0VpZbQ3kd81xTq7M`. Younger ids sort behind older ones.
pub struct Id<T> {
    digits: [u8; ID_DIGITS],
    names: PhantomData<fn() -> T>,
}

/// The kinds of entity that an id can name.
pub mod kind {
    use super::Named;

    macro_rules! kinds {
        ($($kind:ident $prefix:literal)*) => {$(
            #[doc = concat!("Ids begin with `", $prefix, "`.")]
            pub enum $kind {}

            impl Named for $kind {
                const PREFIX: &'static str = $prefix;
            }
        )*};
    }
    kinds!(Account "acct_" ApiKey "key_" Member "user_" Session "sid_" AuditEvent "event_" Project "proj_");
}

/// The id of an account, `acct_…`.
pub type AccountId = Id<kind::Account>;
/// The id of an API key, `key_…`.
pub type KeyId = Id<kind::ApiKey>;
/// The id of a member, `user_…`.
pub type UserId = Id<kind::Member>;
/// The id of a session, `sid_…`. It identifies a session and is not a credential.
pub type SessionId = Id<kind::Session>;
/// The id of an event in an audit trail, `event_…`.
pub type EventId = Id<kind::AuditEvent>;

/// The text is not an id of this kind.
#[derive(Debug, thiserror::Error)]
#[error("is not an id of this kind")]
pub struct InvalidId;

impl<T> Id<T> {
    /// A new id, made of the time and of randomness.
    #[must_use]
    pub fn new(clock: &Clock, random: &Random) -> Self {
        let milliseconds = clock.now_utc().unix_timestamp_nanos() / 1_000_000;
        let mut digits = [0; ID_DIGITS];
        let (time, rest) = digits.split_at_mut(TIME_DIGITS);
        time.copy_from_slice(&base62::digits::<TIME_DIGITS>(u64::try_from(milliseconds).unwrap_or(0)));
        rest.copy_from_slice(&base62::random_digits::<RANDOM_DIGITS>(random));
        Self { digits, names: PhantomData }
    }

    /// The id with these digits, as a token holds them.
    ///
    /// # Errors
    /// When they are not [`ID_DIGITS`] base62 digits.
    pub fn from_digits(digits: &str) -> Result<Self, InvalidId> {
        let digits: [u8; ID_DIGITS] = digits.as_bytes().try_into().map_err(|_| InvalidId)?;
        if base62::is_base62(&digits) { Ok(Self { digits, names: PhantomData }) } else { Err(InvalidId) }
    }

    /// What follows the prefix.
    ///
    /// # Panics
    /// Never: base62 digits are ASCII.
    #[must_use]
    pub fn digits(&self) -> &str {
        str::from_utf8(&self.digits).expect("base62 digits are ASCII")
    }
}

impl<T: Named> FromStr for Id<T> {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::from_digits(text.strip_prefix(T::PREFIX).ok_or(InvalidId)?)
    }
}

impl<T: Named> fmt::Display for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::PREFIX)?;
        f.write_str(self.digits())
    }
}

impl<T: Named> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

// Written out, because a derive would ask the same of `T`.
impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Id<T> {}

impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.digits == other.digits
    }
}

impl<T> Eq for Id<T> {}

impl<T> hash::Hash for Id<T> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.digits.hash(state);
    }
}

impl<T: Named> Serialize for Id<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, T: Named> Deserialize<'de> for Id<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl<T: Named> JsonSchema for Id<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}Id", T::PREFIX.trim_end_matches('_')).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": format!("^{}[0-9A-Za-z]{{{ID_DIGITS}}}$", T::PREFIX),
            "examples": [format!("{}0VpZbQ9sWm40aYeK", T::PREFIX)],
        })
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};
    use time::OffsetDateTime;

    use super::*;

    #[test]
    fn a_text_of_another_kind_or_length_is_refused() {
        assert!("key_0123456789abcdef".parse::<KeyId>().is_ok());
        for text in ["", "key_", "user_0123456789abcdef", "key_0123456789abcde", "key_0123456789abcde-"] {
            assert!(text.parse::<KeyId>().is_err(), "{text}");
        }
    }

    #[test]
    fn younger_ids_sort_behind_older_ones() {
        let random = Random::new(StdRng::seed_from_u64(1));
        let at = |milliseconds: i64| {
            Clock::new(move || OffsetDateTime::UNIX_EPOCH + time::Duration::milliseconds(milliseconds))
        };
        let older = KeyId::new(&at(1_999_999_999_999), &random).to_string();
        let younger = KeyId::new(&at(2_000_000_000_000), &random).to_string();
        assert!(older < younger);
    }
}
