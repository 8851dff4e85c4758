//! The scope of an API key: the projects that it may access.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::primitives::project_id::ProjectId;

/// The projects that a key may access. Access to every project is an explicit value, so that a missing value never means
/// unlimited access.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Every project of the account.
    All,
    /// Only these projects.
    Projects(Projects),
}

impl Scope {
    /// Returns true if the scope includes `project`.
    #[must_use]
    pub fn reaches(&self, project: &ProjectId) -> bool {
        match self {
            Self::All => true,
            Self::Projects(projects) => projects.0.contains(project),
        }
    }

    /// Returns true if `other` includes every project of this scope.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::All) => true,
            (Self::All, Self::Projects(_)) => false,
            (Self::Projects(projects), _) => projects.0.iter().all(|project| other.reaches(project)),
        }
    }
}

/// 1 to 100 project ids without duplicates, in the order in which the caller listed them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline, extend("minItems" = 1, "maxItems" = MAX_PROJECTS))]
#[serde(try_from = "Vec<ProjectId>")]
pub struct Projects(Vec<ProjectId>);

pub(crate) const MAX_PROJECTS: usize = 100;

#[derive(Debug, thiserror::Error)]
#[error("must contain 1 to {MAX_PROJECTS} project ids")]
pub struct InvalidProjects;

impl Projects {
    #[must_use]
    pub fn as_slice(&self) -> &[ProjectId] {
        &self.0
    }
}

impl TryFrom<Vec<ProjectId>> for Projects {
    type Error = InvalidProjects;

    fn try_from(ids: Vec<ProjectId>) -> Result<Self, InvalidProjects> {
        if !(1..=MAX_PROJECTS).contains(&ids.len()) {
            return Err(InvalidProjects);
        }
        let mut projects = Vec::with_capacity(ids.len());
        for id in ids {
            if !projects.contains(&id) {
                projects.push(id);
            }
        }
        Ok(Self(projects))
    }
}

/// The projects that an API key is limited to.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectScope {
    /// The ids of the projects, without duplicates.
    projects: Projects,
}

impl From<Option<ProjectScope>> for Scope {
    fn from(scope: Option<ProjectScope>) -> Self {
        scope.map_or(Self::All, |scope| Self::Projects(scope.projects))
    }
}

impl From<&Scope> for Option<ProjectScope> {
    fn from(scope: &Scope) -> Self {
        match scope {
            Scope::All => None,
            Scope::Projects(projects) => Some(ProjectScope { projects: projects.clone() }),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// Generates scopes of few different projects, so that they often overlap.
    pub(crate) fn any_scope() -> impl Strategy<Value = Scope> {
        prop_oneof![
            Just(Scope::All),
            vec("proj_[a-d]", 1..5).prop_map(|ids| {
                let ids: Vec<_> = ids.into_iter().map(|id| id.parse().unwrap()).collect();
                Scope::Projects(ids.try_into().unwrap())
            }),
        ]
    }

    #[test]
    fn projects_keep_their_order_without_duplicates() {
        let scope: ProjectScope =
            serde_json::from_str(r#"{"projects": ["proj_b", "proj_a", "proj_b"]}"#).unwrap();
        assert_eq!(serde_json::to_string(&scope).unwrap(), r#"{"projects":["proj_b","proj_a"]}"#);
    }

    #[test]
    fn scope_reaches_only_its_projects_and_is_within_wider_scopes() {
        let scope_of = |ids: &[&str]| {
            let ids: Vec<ProjectId> = ids.iter().map(|id| id.parse().unwrap()).collect();
            Scope::Projects(ids.try_into().unwrap())
        };
        let (wider, narrower) = (scope_of(&["proj_a", "proj_b"]), scope_of(&["proj_a"]));
        for (id, is_reached) in [("proj_a", true), ("proj_b", true), ("proj_c", false)] {
            assert_eq!(wider.reaches(&id.parse().unwrap()), is_reached, "{id}");
            assert!(Scope::All.reaches(&id.parse().unwrap()));
        }
        assert!(narrower.is_within(&wider) && wider.is_within(&wider) && wider.is_within(&Scope::All));
        assert!(!wider.is_within(&narrower) && !Scope::All.is_within(&wider));
        assert_eq!(Scope::from(Option::<ProjectScope>::from(&wider)), wider);
        assert!(Option::<ProjectScope>::from(&Scope::All).is_none());
    }

    #[test]
    fn scope_without_projects_or_with_too_many_or_invalid_ones_is_rejected() {
        let too_many = format!(r#"{{"projects": [{}]}}"#, vec![r#""proj_a""#; 101].join(","));
        for text in [
            r#"{"projects": []}"#,
            "{}",
            r#"{"projects": ["x"]}"#,
            r#"{"projects": ["proj_a"], "x": 1}"#,
            &too_many,
        ] {
            assert!(serde_json::from_str::<ProjectScope>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn item_with_a_missing_or_null_scope_is_rejected() {
        #[derive(Debug, Deserialize)]
        struct Item {
            #[expect(dead_code, reason = "the test only checks whether deserialization succeeds")]
            scope: Scope,
        }
        assert!(serde_json::from_str::<Item>("{}").is_err());
        assert!(serde_json::from_str::<Item>(r#"{"scope": null}"#).is_err());
    }

    proptest! {
        #[test]
        fn inner_scope_reaches_only_projects_of_the_outer_scope(inner in any_scope(), outer in any_scope(), project in "proj_[a-e]") {
            let project: ProjectId = project.parse().unwrap();
            if inner.is_within(&outer) && inner.reaches(&project) {
                prop_assert!(outer.reaches(&project));
            }
        }
    }
}
