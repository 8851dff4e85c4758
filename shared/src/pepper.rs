//! The pepper: the secret behind every digest and password hash, kept outside the table.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde_bytes::ByteArray;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::digest::TokenDigest;

/// A pepper and its version.
pub struct Pepper {
    version: String,
    secret: Zeroizing<Vec<u8>>,
    // Keyed once; a digest starts from a clone.
    hmac: Hmac<Sha256>,
}

/// The fewest bytes of a pepper. HMAC-SHA-256 wants a key as long as its output (RFC 2104, 3).
pub const MIN_PEPPER_BYTES: usize = 32;

/// The pepper is shorter than [`MIN_PEPPER_BYTES`].
#[derive(Debug, thiserror::Error)]
#[error("the pepper has fewer than {MIN_PEPPER_BYTES} bytes")]
pub struct ShortPepper;

/// The digest was made with a pepper that is not at hand. Whether the token is right cannot be told.
#[derive(Debug, thiserror::Error)]
#[error("a digest was made with a pepper that is not at hand")]
pub struct UnknownPepper;

impl Pepper {
    /// The pepper `secret`, known as `version`.
    ///
    /// # Errors
    /// When it is too short.
    ///
    /// # Panics
    /// Never: HMAC takes a key of any length.
    pub fn new(version: String, secret: Zeroizing<Vec<u8>>) -> Result<Self, ShortPepper> {
        if secret.len() < MIN_PEPPER_BYTES {
            return Err(ShortPepper);
        }
        let hmac = Hmac::new_from_slice(&secret).expect("HMAC takes a key of any length");
        Ok(Self { version, secret, hmac })
    }

    /// What the table keeps of `token`.
    #[must_use]
    pub fn digest(&self, token: &str) -> TokenDigest {
        TokenDigest { pepper: self.version.clone(), mac: ByteArray::new(self.mac(token)) }
    }

    /// Whether `digest` was made of `token`, in a time that does not tell how far they agree.
    ///
    /// # Errors
    /// When `digest` was made with another pepper.
    pub fn verify(&self, token: &str, digest: &TokenDigest) -> Result<bool, UnknownPepper> {
        if digest.pepper != self.version {
            return Err(UnknownPepper);
        }
        Ok(self.mac(token).ct_eq(&*digest.mac).into())
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The secret, for Argon2, which takes it as its own.
    pub(crate) fn expose(&self) -> &[u8] {
        &self.secret
    }

    fn mac(&self, token: &str) -> [u8; 32] {
        let mut hmac = self.hmac.clone();
        hmac.update(token.as_bytes());
        hmac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper(…)")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn pepper(version: &str) -> Pepper {
        let secret = format!("{version:.<MIN_PEPPER_BYTES$}").into_bytes();
        Pepper::new(version.to_owned(), Zeroizing::new(secret)).unwrap()
    }

    #[test]
    fn a_short_pepper_is_refused() {
        assert!(Pepper::new("1".to_owned(), Zeroizing::new(vec![0; 31])).is_err());
    }

    #[test]
    fn nothing_of_it_is_shown() {
        let pepper = pepper("1");
        assert_eq!(format!("{pepper:?} {:?}", pepper.digest("token")), "Pepper(…) TokenDigest(…)");
    }

    #[test]
    fn the_digest_is_hmac_sha_256() {
        // RFC 4231 has no test with a key and text of these lengths; this one is Python's hmac module's.
        let pepper = Pepper::new("1".to_owned(), Zeroizing::new(vec![b'k'; 32])).unwrap();
        let hex: String = pepper
            .digest("what do ya want for nothing?")
            .mac
            .iter()
            .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        assert_eq!(hex, "4f63351605b85f42e803b30e42c1905fed065a563ff4295a47982e43f228e097");
    }

    #[test]
    fn another_pepper_cannot_tell() {
        assert!(pepper("2").verify("token", &pepper("1").digest("token")).is_err());
    }

    proptest! {
        #[test]
        fn a_digest_verifies_its_own_token_alone(one: String, other: String) {
            let pepper = pepper("1");
            prop_assert_eq!(pepper.verify(&other, &pepper.digest(&one)).unwrap(), one == other);
        }
    }
}
