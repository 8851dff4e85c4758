//! Peppers: the secrets behind every digest and password hash, kept outside the table.

use std::fmt;

use hmac::{Hmac, KeyInit};
use sha2::Sha256;
use zeroize::Zeroizing;

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

/// A digest or hash was made with a pepper that is not at hand. Whether the secret is right cannot be told.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a digest or hash was made with a pepper that is not at hand")]
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

    /// Its version.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// The secret, for Argon2, which takes it as its own.
    pub(crate) fn expose(&self) -> &[u8] {
        &self.secret
    }

    /// HMAC-SHA-256, keyed with it.
    pub(crate) fn hmac(&self) -> Hmac<Sha256> {
        self.hmac.clone()
    }
}

/// The peppers at hand: the one that new digests and hashes are made with, and the one before it, with
/// which older ones still verify.
#[derive(Debug)]
pub struct Peppers {
    current: Pepper,
    previous: Option<Pepper>,
}

impl Peppers {
    /// These two.
    #[must_use]
    pub fn new(current: Pepper, previous: Option<Pepper>) -> Self {
        Self { current, previous }
    }

    /// The one that new digests and hashes are made with.
    pub(crate) fn current(&self) -> &Pepper {
        &self.current
    }

    /// The one that is known as `version`.
    pub(crate) fn of_version(&self, version: &str) -> Result<&Pepper, UnknownPepper> {
        let all = [Some(&self.current), self.previous.as_ref()];
        all.into_iter().flatten().find(|pepper| pepper.version == version).ok_or(UnknownPepper)
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper(…)")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn pepper(version: &str) -> Pepper {
        let secret = format!("{version:.<MIN_PEPPER_BYTES$}").into_bytes();
        Pepper::new(version.to_owned(), Zeroizing::new(secret)).unwrap()
    }

    pub(crate) fn peppers(version: &str) -> Peppers {
        Peppers::new(pepper(version), None)
    }

    #[test]
    fn a_short_pepper_is_refused() {
        assert!(Pepper::new("1".to_owned(), Zeroizing::new(vec![0; 31])).is_err());
    }

    #[test]
    fn nothing_of_it_is_shown() {
        assert_eq!(format!("{:?}", pepper("1")), "Pepper(…)");
    }
}
