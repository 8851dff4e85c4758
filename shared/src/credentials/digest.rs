//! The digest that is stored instead of a token: HMAC-SHA-256 (RFC 2104), keyed with a pepper.

use std::{fmt, hint::black_box};

use hmac::Mac;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;

use crate::credentials::pepper::{Peppers, UnknownPepper};

/// The HMAC-SHA-256 of a token, and the version of the pepper that keyed it.
///
/// A token contains 160 random bits, so it cannot be guessed. A slow hash would add no protection, and every request would
/// cost as much as a login. Without the pepper, nobody can test tokens against a copy of the table.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenDigest {
    pepper: String,
    mac: ByteArray<32>,
}

impl TokenDigest {
    /// Computes the digest of `token` with the current pepper.
    #[must_use]
    pub fn of(token: &str, peppers: &Peppers) -> Self {
        let pepper = peppers.current();
        let mac = pepper.hmac().chain_update(token).finalize().into_bytes();
        Self { pepper: pepper.version().to_owned(), mac: ByteArray::new(mac.into()) }
    }

    /// Returns true if this is the digest of `token`. The comparison takes constant time.
    ///
    /// # Errors
    /// Returns an error if the digest's pepper is not available.
    pub fn matches(&self, token: &str, peppers: &Peppers) -> Result<bool, UnknownPepper> {
        Self::matches_with_equal_work(Some(self), token, peppers)
    }

    /// Returns true if `stored` is the digest of `token`. Without a stored digest, it returns false after the same amount of
    /// work, so that the response time does not reveal whether one exists.
    ///
    /// # Errors
    /// Returns an error if the digest's pepper is not available.
    pub(crate) fn matches_with_equal_work(
        stored: Option<&Self>,
        token: &str,
        peppers: &Peppers,
    ) -> Result<bool, UnknownPepper> {
        let (version, mac) = match stored {
            Some(digest) => (digest.pepper.as_str(), &*digest.mac),
            None => (peppers.current().version(), &[0; 32]),
        };
        let pepper = peppers.by_version(version)?;
        // `black_box` stops the compiler from removing this computation if there is no stored digest and the result
        // does not matter.
        let matches = black_box(pepper.hmac().chain_update(token).verify_slice(mac).is_ok());
        Ok(matches && stored.is_some())
    }

    /// Returns the value whose digest is that of `token`. It compares `token` with all of them, whichever matches.
    ///
    /// # Errors
    /// If no digest matches, and the pepper of one is not available.
    pub(crate) fn find<'a, T>(
        stored: impl IntoIterator<Item = (&'a Self, T)>,
        token: &str,
        peppers: &Peppers,
    ) -> Result<Option<T>, UnknownPepper> {
        let (mut found, mut unknown) = (None, None);
        for (digest, value) in stored {
            match digest.matches(token, peppers) {
                Ok(true) => found = Some(value),
                Ok(false) => {}
                Err(error) => unknown = Some(error),
            }
        }
        match (found, unknown) {
            (None, Some(error)) => Err(error),
            (found, _) => Ok(found),
        }
    }

    /// Returns the digest of `token` with the current pepper, or `None` if this digest uses the current pepper already.
    /// `token` must be the token of this digest.
    #[must_use]
    pub fn rehashed(&self, token: &str, peppers: &Peppers) -> Option<Self> {
        (self.pepper != peppers.current().version()).then(|| Self::of(token, peppers))
    }

    #[must_use]
    pub fn pepper_version(&self) -> &str {
        &self.pepper
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use zeroize::Zeroizing;

    use super::*;
    use crate::credentials::pepper::{
        Pepper,
        tests::{pepper, peppers},
    };

    #[test]
    fn digest_is_hmac_sha_256_of_the_token() {
        // Expected value from Python's hmac module. No test vector of RFC 4231 has a key as long as a pepper.
        let pepper = Pepper::new("1".to_owned(), Zeroizing::new(vec![b'k'; 32])).unwrap();
        let peppers = Peppers::new(pepper, None);
        let digest = TokenDigest::of("what do ya want for nothing?", &peppers);
        let hex = digest.mac.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        assert_eq!(hex, "4f63351605b85f42e803b30e42c1905fed065a563ff4295a47982e43f228e097");
    }

    #[test]
    fn digest_with_an_unknown_pepper_cannot_be_compared() {
        assert!(TokenDigest::of("token", &peppers("1")).matches("token", &peppers("2")).is_err());
    }

    #[test]
    fn digest_with_the_previous_pepper_still_matches() {
        let both = Peppers::new(pepper("2"), Some(pepper("1")));
        let digest = TokenDigest::of("token", &peppers("1"));
        assert_eq!(digest.matches("token", &both), Ok(true));
        assert_eq!(digest.matches("other", &both), Ok(false));
        assert_eq!(TokenDigest::of("token", &both), TokenDigest::of("token", &peppers("2")));
    }

    #[test]
    fn digest_with_the_previous_pepper_is_rehashed_with_the_current_one() {
        let both = Peppers::new(pepper("2"), Some(pepper("1")));
        let old = TokenDigest::of("token", &peppers("1"));
        assert_eq!(old.pepper_version(), "1");
        let rehashed = old.rehashed("token", &both).unwrap();
        assert_eq!((rehashed.pepper_version(), rehashed.matches("token", &both)), ("2", Ok(true)));
        assert_eq!(rehashed.rehashed("token", &both), None);
    }

    #[test]
    fn debug_output_does_not_reveal_the_digest() {
        assert_eq!(format!("{:?}", TokenDigest::of("token", &peppers("1"))), "TokenDigest(…)");
    }

    proptest! {
        #[test]
        fn digest_matches_only_its_own_token(one: String, other: String) {
            let peppers = peppers("1");
            prop_assert_eq!(TokenDigest::of(&one, &peppers).matches(&other, &peppers), Ok(one == other));
        }
    }
}
