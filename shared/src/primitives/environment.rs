//! Live and test: the two worlds of an account's data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which data a credential sees. A key's type is its environment; a session chooses one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// Live data, with many requests a minute.
    Live,
    /// Test data, with few requests a minute.
    Test,
}

impl Environment {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Live, Self::Test];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }

    /// The one with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|environment| environment.as_str() == name)
    }
}
