//! Identifiers. An id has a prefix for the kind of its entity, and 16 base62 digits: 8 for the time of its creation and 8
//! random ones. Ids of the same kind sort by the time of their creation.

use std::{borrow::Cow, fmt, hash, marker::PhantomData, str, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use time::OffsetDateTime;

use crate::primitives::{base62, clock::Clock, random::Random, timestamp::Timestamp};

/// The number of digits for the creation time in milliseconds since 1970. Eight digits suffice until the year 8888.
const TIME_DIGITS: usize = 8;
/// The number of random digits. They distinguish ids that are created in the same millisecond.
const RANDOM_DIGITS: usize = 8;
/// The number of digits after the prefix.
pub(crate) const ID_DIGITS: usize = TIME_DIGITS + RANDOM_DIGITS;

/// A kind of entity that has ids.
pub trait IdKind {
    /// The beginning of its ids, such as `key_`.
    const PREFIX: &'static str;
}

/// The id of an entity of kind `T`, such as `key_0VpZbQ3kd81xTq7M`. Newer ids sort after older ones.
pub struct Id<T> {
    digits: [u8; ID_DIGITS],
    kind: PhantomData<fn() -> T>,
}

/// The kinds of entities that have ids.
pub mod kind {
    use super::IdKind;

    macro_rules! kinds {
        ($($kind:ident $prefix:literal)*) => {$(
            pub enum $kind {}

            impl IdKind for $kind {
                const PREFIX: &'static str = $prefix;
            }
        )*};
    }
    kinds!(Account "acct_" ApiKey "key_" Member "user_" Session "sid_" AuditEvent "event_" Project "proj_" Passkey "pk_");
}

/// `acct_…`
pub type AccountId = Id<kind::Account>;
/// `key_…`
pub type KeyId = Id<kind::ApiKey>;
/// `user_…`: the id of a member.
pub type UserId = Id<kind::Member>;
/// `sid_…`: the id of a session. It is not a credential.
pub type SessionId = Id<kind::Session>;
/// `pk_…`: the id of a passkey. It is not the id that the authenticator chose.
pub type PasskeyId = Id<kind::Passkey>;
/// `event_…`: the id of an event of the audit trail.
pub type EventId = Id<kind::AuditEvent>;

/// The text is not an id of the expected kind.
#[derive(Debug, thiserror::Error)]
#[error("is not a valid id")]
pub struct InvalidId;

impl<T> Id<T> {
    /// Creates an id from the current time and random digits.
    #[must_use]
    pub fn new(clock: &Clock, random: &Random) -> Self {
        Self::at(clock.now_utc(), random)
    }

    /// Creates an id from the time `moment` and random digits.
    #[must_use]
    pub fn at(moment: OffsetDateTime, random: &Random) -> Self {
        let milliseconds = moment.unix_timestamp_nanos() / 1_000_000;
        let milliseconds = u64::try_from(milliseconds).unwrap_or(0);
        Self::from_parts(milliseconds, base62::random_digits::<RANDOM_DIGITS>(random))
    }

    /// Returns the first of all ids that can be created at `moment`. It sorts after all earlier ones.
    #[must_use]
    pub fn first_at(moment: Timestamp) -> Self {
        let milliseconds = moment.unix_seconds().unsigned_abs() * 1_000;
        Self::from_parts(milliseconds, base62::digits::<RANDOM_DIGITS>(0))
    }

    fn from_parts(milliseconds: u64, random_part: [u8; RANDOM_DIGITS]) -> Self {
        let mut digits = [0; ID_DIGITS];
        let (time, random) = digits.split_at_mut(TIME_DIGITS);
        time.copy_from_slice(&base62::digits::<TIME_DIGITS>(milliseconds));
        random.copy_from_slice(&random_part);
        Self { digits, kind: PhantomData }
    }

    /// Returns the id with these digits. Tokens contain ids in this form, without the prefix.
    ///
    /// # Errors
    /// Returns an error if `digits` is not `ID_DIGITS` base62 digits.
    pub fn from_digits(digits: &str) -> Result<Self, InvalidId> {
        let digits: [u8; ID_DIGITS] = digits.as_bytes().try_into().map_err(|_| InvalidId)?;
        if base62::is_base62(&digits) { Ok(Self { digits, kind: PhantomData }) } else { Err(InvalidId) }
    }

    /// Returns the part after the prefix.
    ///
    /// # Panics
    /// Never panics, because base62 digits are ASCII.
    #[must_use]
    pub fn digits(&self) -> &str {
        str::from_utf8(&self.digits).expect("base62 digits are ASCII")
    }
}

impl<T: IdKind> FromStr for Id<T> {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::from_digits(text.strip_prefix(T::PREFIX).ok_or(InvalidId)?)
    }
}

impl<T: IdKind> fmt::Display for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::PREFIX)?;
        f.write_str(self.digits())
    }
}

impl<T: IdKind> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

// These traits are not derived, because a derive would require them of `T`, too.
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

impl<T: IdKind> Serialize for Id<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, T: IdKind> Deserialize<'de> for Id<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl<T: IdKind> JsonSchema for Id<T> {
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
    fn id_of_another_kind_or_length_is_rejected() {
        assert!("key_0123456789abcdef".parse::<KeyId>().is_ok());
        for text in ["", "key_", "user_0123456789abcdef", "key_0123456789abcde", "key_0123456789abcde-"] {
            assert!(text.parse::<KeyId>().is_err(), "{text}");
        }
    }

    #[test]
    fn newer_ids_sort_after_older_ones() {
        let random = Random::new(StdRng::seed_from_u64(1));
        let at = |milliseconds: i64| {
            Clock::new(move || OffsetDateTime::UNIX_EPOCH + time::Duration::milliseconds(milliseconds))
        };
        let older = KeyId::new(&at(1_999_999_999_999), &random).to_string();
        let newer = KeyId::new(&at(2_000_000_000_000), &random).to_string();
        assert!(older < newer);
        let first = KeyId::first_at(Timestamp::from(at(2_000_000_000_000).now_utc())).to_string();
        assert!(older < first && first < newer);
    }
}
