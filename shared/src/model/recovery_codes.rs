//! The recovery codes of a member, with which a member logs in who has no passkey at hand.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    credentials::{
        digest::TokenDigest,
        pepper::{Peppers, UnknownPepper},
        recovery_code::{NewRecoveryCodes, RecoveryCodeText},
    },
    primitives::timestamp::Timestamp,
};

/// The digests of the recovery codes that were not used yet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecoveryCodes {
    pub created_at: Timestamp,
    /// By the number of the code.
    pub digests: BTreeMap<String, TokenDigest>,
    /// The pepper version of all digests, where the operator's scan before a pepper rotation can compare it. `None` in items that were
    /// stored without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pepper_version: Option<String>,
}

impl RecoveryCodes {
    #[must_use]
    pub fn new(codes: &NewRecoveryCodes, peppers: &Peppers, now: Timestamp) -> Self {
        let digests = codes.digest_inputs().map(|input| TokenDigest::of(&input, peppers));
        let digests = digests.enumerate().map(|(number, digest)| (number.to_string(), digest)).collect();
        Self { created_at: now, digests, pepper_version: Some(peppers.current().version().to_owned()) }
    }

    /// Returns the pepper versions that are needed to verify a code.
    pub fn pepper_versions(&self) -> impl Iterator<Item = &str> {
        self.digests.values().map(TokenDigest::pepper_version)
    }

    /// Returns the number of the code that is `text`. It compares `text` with all of them, whichever matches.
    ///
    /// # Errors
    /// If no code matches, and the pepper of one is not available.
    pub fn find(&self, text: &RecoveryCodeText, peppers: &Peppers) -> Result<Option<&str>, UnknownPepper> {
        let Some(input) = text.digest_input() else { return Ok(None) };
        let digests = self.digests.iter().map(|(number, digest)| (digest, number.as_str()));
        TokenDigest::find(digests, &input, peppers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        credentials::pepper::tests::peppers,
        primitives::{random::Random, timestamp::tests::timestamp},
    };

    #[test]
    fn each_code_matches_its_own_digest_and_no_other_text_does() {
        let peppers = peppers("1");
        let codes = NewRecoveryCodes::new(&Random::system());
        let stored = RecoveryCodes::new(&codes, &peppers, timestamp(0));
        for (number, code) in codes.expose().iter().enumerate() {
            let text = RecoveryCodeText::from(code.to_lowercase().replace('-', " "));
            assert_eq!(stored.find(&text, &peppers), Ok(Some(&*number.to_string())));
        }
        for other in NewRecoveryCodes::new(&Random::system()).expose() {
            assert_eq!(stored.find(&RecoveryCodeText::from(other.to_owned()), &peppers), Ok(None));
        }
        assert_eq!(stored.find(&RecoveryCodeText::from(String::new()), &peppers), Ok(None));
    }

    #[test]
    fn code_with_an_unknown_pepper_cannot_be_verified() {
        let codes = NewRecoveryCodes::new(&Random::system());
        let stored = RecoveryCodes::new(&codes, &peppers("1"), timestamp(0));
        let text = RecoveryCodeText::from(codes.expose()[0].to_owned());
        assert_eq!(stored.find(&text, &peppers("2")), Err(UnknownPepper));
    }
}
