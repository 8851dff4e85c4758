//! The two environments of an account: live and test. Their data is separate.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The data that a credential accesses. The type of an API key is its environment; a session can choose one for each
/// request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// Live data. The rate limit is high.
    Live,
    /// Test data. The rate limit is low.
    Test,
}

impl Environment {
    pub const ALL: [Self; 2] = [Self::Live, Self::Test];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }

    /// Returns the environment with this exact name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|environment| environment.as_str() == name)
    }
}

impl FromStr for Environment {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, &'static str> {
        Self::from_name(name).ok_or("must be one of live, test")
    }
}
