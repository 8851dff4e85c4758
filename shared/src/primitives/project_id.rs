//! Ids of projects. Their format is wider than that of other [ids](crate::primitives::id).

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::primitives::{
    base62,
    clock::Clock,
    id::{Id, IdKind, InvalidId, kind::Project},
    random::Random,
};

/// The maximum length of a project id without its prefix.
const MAX_DIGITS: usize = 64;

/// The id of a project: `proj_` and 1 to 64 ASCII letters and digits.
///
/// This service creates project ids in the format of [`Id`]. It accepts others, because a key's scope may contain projects
/// that another service stores.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(
    inline,
    extend("pattern" = format!("^{}[0-9A-Za-z]{{1,{MAX_DIGITS}}}$", Project::PREFIX)),
    extend("examples" = [format!("{}abc123", Project::PREFIX)]),
    description = "The id of a project."
)]
#[serde(try_from = "String")]
pub struct ProjectId(String);

impl ProjectId {
    /// Creates an id. Newer ids sort after older ones.
    #[must_use]
    pub fn new(clock: &Clock, random: &Random) -> Self {
        Self(Id::<Project>::new(clock, random).to_string())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ProjectId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        let digits = text.strip_prefix(Project::PREFIX).ok_or(InvalidId)?;
        let fits = (1..=MAX_DIGITS).contains(&digits.len());
        if fits && base62::is_base62(digits.as_bytes()) { Ok(Self(text)) } else { Err(InvalidId) }
    }
}

impl FromStr for ProjectId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::try_from(text.to_owned())
    }
}

impl fmt::Display for ProjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn project_id_has_1_to_64_letters_and_digits() {
        assert!("proj_abc123".parse::<ProjectId>().is_ok());
        assert!(format!("proj_{}", "a".repeat(64)).parse::<ProjectId>().is_ok());
        for text in ["", "proj_", "abc", "proj_a/b", "proj_ä", "PROJ_a", &format!("proj_{}", "a".repeat(65))]
        {
            assert!(text.parse::<ProjectId>().is_err(), "{text}");
        }
    }
}
