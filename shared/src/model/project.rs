//! Projects: the resources that the credentials of an account give access to.

use serde::{Deserialize, Serialize};

use crate::primitives::{name::Name, project_id::ProjectId, timestamp::Timestamp};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Project {
    pub id: ProjectId,
    pub name: Name,
    pub created_at: Timestamp,
}
