//! The creator of an API key.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::primitives::id::{KeyId, UserId};

/// The member or the API key that created an API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Creator {
    /// A member, in a session.
    Member(UserId),
    /// An API key with `admin`.
    ApiKey(KeyId),
}

/// The text is not an id of a member or of an API key.
#[derive(Debug, thiserror::Error)]
#[error("must be the id of a member or of an API key")]
pub struct InvalidCreator;

impl FromStr for Creator {
    type Err = InvalidCreator;

    fn from_str(id: &str) -> Result<Self, InvalidCreator> {
        let member = id.parse().map(Self::Member);
        member.or_else(|_| id.parse().map(Self::ApiKey)).map_err(|_| InvalidCreator)
    }
}

impl fmt::Display for Creator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member(id) => id.fmt(f),
            Self::ApiKey(id) => id.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn creator_is_the_id_of_a_member_or_of_a_key() {
        for id in ["user_0000000000000001", "key_0000000000000001"] {
            let creator: Creator = id.parse().unwrap();
            assert_eq!(creator.to_string(), id);
            assert_eq!(serde_json::to_value(creator).unwrap(), id);
        }
        for text in ["", "user_", "acct_0000000000000001", "USER_0000000000000001", "user_0000000000000001 "]
        {
            assert!(text.parse::<Creator>().is_err(), "{text}");
        }
    }
}
