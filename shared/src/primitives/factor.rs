//! Authentication factors, and sets of them.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a member proved in an authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Factor {
    /// The member knew the password.
    Password = 1,
    /// The member used a passkey, with user verification.
    Passkey = 2,
    /// The member used a recovery code.
    RecoveryCode = 4,
}

impl Factor {
    /// All factors, in the order in which responses contain them.
    pub const ALL: [Self; 3] = [Self::Password, Self::Passkey, Self::RecoveryCode];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Passkey => "passkey",
            Self::RecoveryCode => "recovery_code",
        }
    }

    /// Returns the factor with this exact name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|factor| factor.as_str() == name)
    }
}

/// A set of factors.
///
/// A stored name that this version of the service does not know is ignored.
#[derive(Clone, Copy, PartialEq, Eq, JsonSchema)]
#[schemars(inline, description = "Factors, each at most once.")]
pub struct Factors(#[schemars(with = "Vec<Factor>")] u8);

impl Factors {
    pub const NONE: Self = Self(0);
    /// The password alone. Sessions of versions that knew no other factor have this set.
    pub const PASSWORD: Self = Self(Factor::Password as u8);

    /// Returns the set with `factor` added.
    #[must_use]
    pub fn with(self, factor: Factor) -> Self {
        Self(self.0 | factor as u8)
    }

    #[must_use]
    pub fn contains(self, factor: Factor) -> bool {
        self.0 & factor as u8 != 0
    }

    /// Iterates over the factors in the order password, passkey, recovery code.
    pub fn iter(self) -> impl Iterator<Item = Factor> {
        Factor::ALL.into_iter().filter(move |factor| self.contains(*factor))
    }
}

impl FromIterator<Factor> for Factors {
    fn from_iter<I: IntoIterator<Item = Factor>>(factors: I) -> Self {
        factors.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Debug for Factors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Serialize for Factors {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Factors {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        Ok(names.iter().filter_map(|name| Factor::from_name(name)).collect())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn any_factors() -> impl Strategy<Value = Factors> {
        (0..=7_u8).prop_map(Factors)
    }

    #[test]
    fn factors_serialize_in_fixed_order_and_unknown_ones_are_ignored() {
        let factors: Factors =
            serde_json::from_str(r#"["recovery_code", "new", "passkey", "passkey", "PASSWORD"]"#).unwrap();
        assert_eq!(serde_json::to_string(&factors).unwrap(), r#"["passkey","recovery_code"]"#);
        let all: Factors = Factor::ALL.into_iter().collect();
        assert_eq!(serde_json::to_string(&all).unwrap(), r#"["password","passkey","recovery_code"]"#);
        assert_eq!(serde_json::to_value(Factor::ALL).unwrap(), serde_json::to_value(all).unwrap());
    }

    proptest! {
        #[test]
        fn factors_read_back_the_same(factors in any_factors()) {
            let text = serde_json::to_string(&factors).unwrap();
            prop_assert_eq!(serde_json::from_str::<Factors>(&text).unwrap(), factors);
        }
    }
}
