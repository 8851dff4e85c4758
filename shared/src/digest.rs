//! What is kept of a token: a keyed digest from which it cannot be found again.

use std::fmt;

use hmac::Mac;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;

use crate::pepper::{Pepper, UnknownPepper};

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
    pub fn of(token: &str, pepper: &Pepper) -> Self {
        let mac = pepper.hmac().chain_update(token).finalize().into_bytes();
        Self { pepper: pepper.version().to_owned(), mac: ByteArray::new(mac.into()) }
    }

    /// Whether it was made of `token`, in a time that does not tell how far they agree.
    ///
    /// # Errors
    /// When it was made with another pepper.
    pub fn matches(&self, token: &str, pepper: &Pepper) -> Result<bool, UnknownPepper> {
        pepper.check_version(&self.pepper)?;
        Ok(pepper.hmac().chain_update(token).verify_slice(&*self.mac).is_ok())
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
    use crate::pepper::tests::pepper;

    #[test]
    fn it_is_hmac_sha_256() {
        // From Python's hmac module: no vector of RFC 4231 has a key as long as a pepper.
        let pepper = Pepper::new("1".to_owned(), Zeroizing::new(vec![b'k'; 32])).unwrap();
        let digest = TokenDigest::of("what do ya want for nothing?", &pepper);
        let hex = digest.mac.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        assert_eq!(hex, "4f63351605b85f42e803b30e42c1905fed065a563ff4295a47982e43f228e097");
    }

    #[test]
    fn another_pepper_cannot_tell() {
        assert!(TokenDigest::of("token", &pepper("1")).matches("token", &pepper("2")).is_err());
    }

    #[test]
    fn nothing_of_it_is_shown() {
        assert_eq!(format!("{:?}", TokenDigest::of("token", &pepper("1"))), "TokenDigest(…)");
    }

    proptest! {
        #[test]
        fn it_matches_its_own_token_alone(one: String, other: String) {
            let pepper = pepper("1");
            prop_assert_eq!(TokenDigest::of(&one, &pepper).matches(&other, &pepper), Ok(one == other));
        }
    }
}
