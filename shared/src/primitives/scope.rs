//! Which projects a key reaches.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::primitives::project_id::ProjectId;

/// Which projects a key reaches. "Every project" has a name of its own, so that a value that is missing
/// never means full power.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Every project of the account.
    All,
    /// These alone.
    Projects(Projects),
}

impl Scope {
    /// Whether it reaches `project`.
    #[must_use]
    pub fn reaches(&self, project: &ProjectId) -> bool {
        match self {
            Self::All => true,
            Self::Projects(projects) => projects.0.contains(project),
        }
    }

    /// Whether it reaches nothing that `other` does not reach.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::All) => true,
            (Self::All, Self::Projects(_)) => false,
            (Self::Projects(projects), _) => projects.0.iter().all(|project| other.reaches(project)),
        }
    }
}

/// 1 to 100 projects, each once, in the order in which they were given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline, extend("minItems" = 1, "maxItems" = MAX_PROJECTS))]
#[serde(try_from = "Vec<ProjectId>")]
pub struct Projects(Vec<ProjectId>);

/// The most projects that a key can be limited to.
pub const MAX_PROJECTS: usize = 100;

/// There were no projects, or too many.
#[derive(Debug, thiserror::Error)]
#[error("must hold 1 to {MAX_PROJECTS} project ids")]
pub struct InvalidProjects;

impl Projects {
    /// Their ids.
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

    /// Of few projects, so that scopes often overlap.
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
    fn projects_are_kept_in_order_and_each_once() {
        let scope: ProjectScope =
            serde_json::from_str(r#"{"projects": ["proj_b", "proj_a", "proj_b"]}"#).unwrap();
        assert_eq!(serde_json::to_string(&scope).unwrap(), r#"{"projects":["proj_b","proj_a"]}"#);
    }

    #[test]
    fn a_scope_reaches_its_projects_alone_and_lies_within_wider_ones() {
        let of = |ids: &[&str]| {
            let ids: Vec<ProjectId> = ids.iter().map(|id| id.parse().unwrap()).collect();
            Scope::Projects(ids.try_into().unwrap())
        };
        let (wider, narrower) = (of(&["proj_a", "proj_b"]), of(&["proj_a"]));
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
    fn empty_huge_and_unknown_ones_are_refused() {
        let huge = format!(r#"{{"projects": [{}]}}"#, vec![r#""proj_a""#; 101].join(","));
        for text in [
            r#"{"projects": []}"#,
            "{}",
            r#"{"projects": ["x"]}"#,
            r#"{"projects": ["proj_a"], "x": 1}"#,
            &huge,
        ] {
            assert!(serde_json::from_str::<ProjectScope>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_scope_that_is_missing_in_the_table_is_not_full_power() {
        #[derive(Debug, Deserialize)]
        struct Item {
            #[expect(dead_code, reason = "only whether it can be read matters")]
            scope: Scope,
        }
        assert!(serde_json::from_str::<Item>("{}").is_err());
        assert!(serde_json::from_str::<Item>(r#"{"scope": null}"#).is_err());
    }

    proptest! {
        #[test]
        fn what_lies_within_reaches_no_further(inner in any_scope(), outer in any_scope(), project in "proj_[a-e]") {
            let project: ProjectId = project.parse().unwrap();
            if inner.is_within(&outer) && inner.reaches(&project) {
                prop_assert!(outer.reaches(&project));
            }
        }
    }
}
