//! The MAC at the end of each token. Only this service can compute it, so a token that anyone else made up is rejected
//! before the table is read.
//!
//! The MAC is not what makes a token valid. Whoever learns its key can create tokens that cost a read of the table, and
//! still needs the secret of a key or session for access.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// The minimum length of the secret. RFC 2104, section 3, discourages keys that are shorter than the hash's output.
pub const MIN_TOKEN_MAC_KEY_BYTES: usize = 32;

/// The key of the MACs of tokens. It is not the pepper and does not change when the pepper is rotated, because a token
/// contains its MAC: a new key would end all tokens.
pub struct TokenMacKey(
    /// Keyed with the secret. Each MAC starts from a clone, which saves keying it again.
    Hmac<Sha256>,
);

#[derive(Debug, thiserror::Error)]
#[error("the key of the token MACs has fewer than {MIN_TOKEN_MAC_KEY_BYTES} bytes")]
pub struct ShortTokenMacKey;

impl TokenMacKey {
    /// # Errors
    /// Returns an error if `secret` is shorter than [`MIN_TOKEN_MAC_KEY_BYTES`].
    ///
    /// # Panics
    /// Never panics, because HMAC takes a key of any length.
    #[expect(clippy::needless_pass_by_value, reason = "the secret is erased when this function returns")]
    pub fn new(secret: Zeroizing<Vec<u8>>) -> Result<Self, ShortTokenMacKey> {
        if secret.len() < MIN_TOKEN_MAC_KEY_BYTES {
            return Err(ShortTokenMacKey);
        }
        Ok(Self(Hmac::new_from_slice(&secret).expect("HMAC takes a key of any length")))
    }

    /// Returns the first 64 bits of the HMAC-SHA-256 (RFC 2104) of `text`, as a big-endian number.
    pub(crate) fn mac(&self, text: &str) -> u64 {
        let mac = self.0.clone().chain_update(text).finalize().into_bytes();
        u64::from_be_bytes(*mac.first_chunk().expect("an HMAC-SHA-256 has 32 bytes"))
    }

    /// Returns true if `mac` is the MAC of `text`. The comparison takes constant time.
    pub(crate) fn verify(&self, text: &str, mac: u64) -> bool {
        self.0.clone().chain_update(text).verify_truncated_left(&mac.to_be_bytes()).is_ok()
    }
}

impl fmt::Debug for TokenMacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenMacKey(…)")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn token_mac_key() -> TokenMacKey {
        TokenMacKey::new(Zeroizing::new(vec![b'm'; MIN_TOKEN_MAC_KEY_BYTES])).unwrap()
    }

    #[test]
    fn mac_is_the_start_of_hmac_sha_256() {
        // Expected value from Python's hmac module. No test vector of RFC 4231 has a key as long as this one.
        let key = TokenMacKey::new(Zeroizing::new(vec![b'k'; 32])).unwrap();
        assert_eq!(key.mac("what do ya want for nothing?"), 0x4f63_3516_05b8_5f42);
    }

    #[test]
    fn short_key_is_rejected() {
        assert!(TokenMacKey::new(Zeroizing::new(vec![0; 31])).is_err());
    }

    #[test]
    fn debug_output_does_not_reveal_the_key() {
        assert_eq!(format!("{:?}", token_mac_key()), "TokenMacKey(…)");
    }

    proptest! {
        #[test]
        fn mac_verifies_only_its_own_text_and_key(one: String, other: String, flipped in 0..64_u32) {
            let key = token_mac_key();
            let mac = key.mac(&one);
            prop_assert!(key.verify(&one, mac));
            prop_assert_eq!(key.verify(&other, mac), one == other);
            prop_assert!(!key.verify(&one, mac ^ (1 << flipped)));
            let other_key = TokenMacKey::new(Zeroizing::new(vec![b'n'; 32])).unwrap();
            prop_assert!(!other_key.verify(&one, mac));
        }
    }
}
