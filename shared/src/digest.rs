//! What is kept of a token: a keyed digest from which it cannot be found again.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;

/// The HMAC-SHA-256 of a token, and which pepper keyed it.
///
/// A token's secret is random, so a slow hash would guard nothing (there is nothing to guess) and cost
/// every request 20 ms; the pepper keeps a copy of the table from being tested against.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenDigest {
    /// The version of the pepper.
    pub pepper: String,
    /// The digest.
    pub mac: ByteArray<32>,
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(…)")
    }
}
