//! The creator of an API key.

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
