//! Text of a request that is probably a secret, such as a token.

use schemars::JsonSchema;
use serde::Deserialize;
use zeroize::Zeroizing;

/// A text that may be a token. Like a token, it has no `Debug`, and its memory is wiped when it is dropped.
#[derive(Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(from = "String")]
pub struct SecretText(#[schemars(with = "String")] Zeroizing<String>);

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl SecretText {
    /// Returns the text as it was sent.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}
