//! Projects: the resource that the credentials protect here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::primitives::{name::Name, project_id::ProjectId, timestamp::Timestamp};

/// A project.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// Its name.
    pub name: Name,
    /// When it was made.
    pub created_at: Timestamp,
}
