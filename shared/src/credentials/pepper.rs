//! Peppers: secret keys that every token digest and password hash is computed with. They are stored in Secrets Manager,
//! outside the table, so a copy of the table is not enough to test guesses.

use std::fmt;

use hmac::{Hmac, KeyInit};
use sha2::Sha256;
use zeroize::Zeroizing;

/// A pepper and its version.
pub struct Pepper {
    version: String,
    secret: Zeroizing<Vec<u8>>,
    /// Keyed with the secret. Each digest starts from a clone, which saves keying it again.
    hmac: Hmac<Sha256>,
}

/// The minimum length of a pepper. RFC 2104, section 3, discourages keys that are shorter than the hash's output.
pub const MIN_PEPPER_BYTES: usize = 32;

#[derive(Debug, thiserror::Error)]
#[error("the pepper has fewer than {MIN_PEPPER_BYTES} bytes")]
pub struct ShortPepper;

/// The pepper of a stored digest or password hash is not available, so the credential cannot be verified.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the pepper of a stored digest or password hash is not available")]
pub struct UnknownPepper;

impl Pepper {
    /// Creates a pepper. `version` is its version in Secrets Manager.
    ///
    /// # Errors
    /// Returns an error if `secret` is shorter than [`MIN_PEPPER_BYTES`].
    ///
    /// # Panics
    /// Never panics, because HMAC takes a key of any length.
    pub fn new(version: String, secret: Zeroizing<Vec<u8>>) -> Result<Self, ShortPepper> {
        if secret.len() < MIN_PEPPER_BYTES {
            return Err(ShortPepper);
        }
        let hmac = Hmac::new_from_slice(&secret).expect("HMAC takes a key of any length");
        Ok(Self { version, secret, hmac })
    }

    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// Returns the secret, for Argon2's secret parameter.
    pub(crate) fn expose(&self) -> &[u8] {
        &self.secret
    }

    /// Returns an HMAC-SHA-256 instance that is keyed with this pepper.
    pub(crate) fn hmac(&self) -> Hmac<Sha256> {
        self.hmac.clone()
    }
}

/// The available peppers. New digests and hashes use the current one. Existing ones can also be verified with the previous
/// one, so that peppers can be rotated.
#[derive(Debug)]
pub struct Peppers {
    current: Pepper,
    previous: Option<Pepper>,
}

impl Peppers {
    #[must_use]
    pub fn new(current: Pepper, previous: Option<Pepper>) -> Self {
        Self { current, previous }
    }

    pub(crate) fn current(&self) -> &Pepper {
        &self.current
    }

    /// Returns true if the pepper `version` is one of these.
    #[must_use]
    pub fn contains(&self, version: &str) -> bool {
        self.by_version(version).is_ok()
    }

    pub(crate) fn by_version(&self, version: &str) -> Result<&Pepper, UnknownPepper> {
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
    fn short_pepper_is_rejected() {
        assert!(Pepper::new("1".to_owned(), Zeroizing::new(vec![0; 31])).is_err());
    }

    #[test]
    fn debug_output_does_not_reveal_the_pepper() {
        assert_eq!(format!("{:?}", pepper("1")), "Pepper(…)");
    }
}
