//! What is kept of a token: a keyed digest from which it cannot be found again.

use std::{fmt, hint::black_box};

use hmac::Mac;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;

use crate::credentials::pepper::{Peppers, UnknownPepper};

/// The HMAC-SHA-256 of a token, and which pepper keyed it.
///
/// A token's secret is random, so a slow hash would guard nothing, since there is nothing to guess, and
/// cost every request what a login costs. The pepper keeps a copy of the table from being tested against.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenDigest {
    pepper: String,
    mac: ByteArray<32>,
}

impl TokenDigest {
    /// What is kept of `token`.
    #[must_use]
    pub fn of(token: &str, peppers: &Peppers) -> Self {
        let pepper = peppers.current();
        let mac = pepper.hmac().chain_update(token).finalize().into_bytes();
        Self { pepper: pepper.version().to_owned(), mac: ByteArray::new(mac.into()) }
    }

    /// Whether it was made of `token`, in a time that does not tell how far they agree.
    ///
    /// # Errors
    /// When it was made with a pepper that is not at hand.
    pub fn matches(&self, token: &str, peppers: &Peppers) -> Result<bool, UnknownPepper> {
        Self::kept_matches(Some(self), token, peppers)
    }

    /// Whether one is `kept` that was made of `token`. Where none is, it was not, and that takes the same work.
    ///
    /// # Errors
    /// When it was made with a pepper that is not at hand.
    pub(crate) fn kept_matches(
        kept: Option<&Self>,
        token: &str,
        peppers: &Peppers,
    ) -> Result<bool, UnknownPepper> {
        let (version, mac) = match kept {
            Some(digest) => (digest.pepper.as_str(), &*digest.mac),
            None => (peppers.current().version(), &[0; 32]),
        };
        let pepper = peppers.of_version(version)?;
        // It is computed even where it changes nothing.
        let agrees = black_box(pepper.hmac().chain_update(token).verify_slice(mac).is_ok());
        Ok(agrees && kept.is_some())
    }

    /// What is kept of the same `token` where that is made with an older pepper than the current one.
    #[must_use]
    pub fn rehashed(&self, token: &str, peppers: &Peppers) -> Option<Self> {
        (self.pepper != peppers.current().version()).then(|| Self::of(token, peppers))
    }

    /// The version of the pepper that it was made with.
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
    fn it_is_hmac_sha_256() {
        // From Python's hmac module: no vector of RFC 4231 has a key as long as a pepper.
        let pepper = Pepper::new("1".to_owned(), Zeroizing::new(vec![b'k'; 32])).unwrap();
        let peppers = Peppers::new(pepper, None);
        let digest = TokenDigest::of("what do ya want for nothing?", &peppers);
        let hex = digest.mac.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        assert_eq!(hex, "4f63351605b85f42e803b30e42c1905fed065a563ff4295a47982e43f228e097");
    }

    #[test]
    fn another_pepper_cannot_tell() {
        assert!(TokenDigest::of("token", &peppers("1")).matches("token", &peppers("2")).is_err());
    }

    #[test]
    fn the_pepper_before_verifies_still() {
        let both = Peppers::new(pepper("2"), Some(pepper("1")));
        let digest = TokenDigest::of("token", &peppers("1"));
        assert_eq!(digest.matches("token", &both), Ok(true));
        assert_eq!(digest.matches("other", &both), Ok(false));
        assert_eq!(TokenDigest::of("token", &both), TokenDigest::of("token", &peppers("2")));
    }

    #[test]
    fn it_is_made_anew_where_an_older_pepper_made_it() {
        let both = Peppers::new(pepper("2"), Some(pepper("1")));
        let old = TokenDigest::of("token", &peppers("1"));
        assert_eq!(old.pepper_version(), "1");
        let rehashed = old.rehashed("token", &both).unwrap();
        assert_eq!((rehashed.pepper_version(), rehashed.matches("token", &both)), ("2", Ok(true)));
        assert_eq!(rehashed.rehashed("token", &both), None);
    }

    #[test]
    fn nothing_of_it_is_shown() {
        assert_eq!(format!("{:?}", TokenDigest::of("token", &peppers("1"))), "TokenDigest(…)");
    }

    proptest! {
        #[test]
        fn it_matches_its_own_token_alone(one: String, other: String) {
            let peppers = peppers("1");
            prop_assert_eq!(TokenDigest::of(&one, &peppers).matches(&other, &peppers), Ok(one == other));
        }
    }
}
