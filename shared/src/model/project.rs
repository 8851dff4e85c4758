//! Projects: the resources that the credentials of an account give access to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::primitives::{name::Name, project_id::ProjectId, timestamp::Timestamp};

/// A project: the resource that credentials give access to in this service.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Project {
    /// The id of the project.
    pub id: ProjectId,
    /// The name of the project.
    pub name: Name,
    /// When the project was created.
    pub created_at: Timestamp,
}
