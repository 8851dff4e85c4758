//! Challenges of `WebAuthn` ceremonies.

use std::{fmt, str::FromStr};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::primitives::random::Random;

/// The number of random bytes. `WebAuthn` Level 3, 13.4.3, requires at least 16.
const BYTES: usize = 32;

/// How long a challenge can be used, in seconds: the time that a person gets for a ceremony.
pub const CHALLENGE_LIFETIME: u32 = 5 * 60;

/// A random value that an authenticator signs, so that its response is of use once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Challenge([u8; BYTES]);

#[derive(Debug, thiserror::Error)]
#[error("not a challenge of this service")]
pub struct MalformedChallenge;

impl Challenge {
    #[must_use]
    pub fn new(random: &Random) -> Self {
        Self(random.bytes())
    }
}

/// In base64url without padding, as `WebAuthn` writes it.
impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Challenge(…)")
    }
}

impl FromStr for Challenge {
    type Err = MalformedChallenge;

    fn from_str(text: &str) -> Result<Self, MalformedChallenge> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| MalformedChallenge)?;
        bytes.try_into().map(Self).map_err(|_| MalformedChallenge)
    }
}

impl Serialize for Challenge {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Challenge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenge_reads_back_the_same_and_debug_does_not_show_it() {
        let challenge = Challenge::new(&Random::system());
        let text = challenge.to_string();
        assert_eq!(text.len(), 43);
        assert_eq!(text.parse::<Challenge>().unwrap(), challenge);
        assert_eq!(format!("{challenge:?}"), "Challenge(…)");
    }

    #[test]
    fn text_of_another_length_or_alphabet_is_no_challenge() {
        let text = Challenge::new(&Random::system()).to_string();
        for malformed in
            [String::new(), text[1..].to_owned(), format!("{text}A"), format!("{text}="), "+".repeat(43)]
        {
            assert!(malformed.parse::<Challenge>().is_err(), "{malformed}");
        }
    }
}
