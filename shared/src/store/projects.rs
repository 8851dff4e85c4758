//! Projects in the table.

use super::{
    Store,
    attributes::{item, thing},
    failure::StoreError,
    kept_answers::keep,
    keys::{Key, Kind, project_partition},
    write::Write,
};
use crate::{
    cursor::{Paging, Slice},
    environment::Environment,
    id::AccountId,
    idempotency::Outcome,
    name::Name,
    project::{Project, ProjectId},
};

impl Store {
    /// Puts a new project into the table, and keeps the outcome.
    ///
    /// # Errors
    /// When the same request came first, or the table can't be written.
    pub async fn create_project(
        &self,
        account: AccountId,
        environment: Environment,
        project: &Project,
        outcome: Option<&Outcome>,
    ) -> Result<(), StoreError> {
        // Without a condition: the id is new, and a repeated attempt puts the same.
        let put = Write::put(item(Key::project(account, environment, &project.id), project)?);
        match outcome {
            None => self.write(put).await.map(drop),
            Some(outcome) => self.write_together(vec![put, keep(outcome)?]).await,
        }
    }

    /// The project with this id.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn project(
        &self,
        account: AccountId,
        environment: Environment,
        project: &ProjectId,
    ) -> Result<Option<Project>, StoreError> {
        self.get(Key::project(account, environment, project)).await?.map(thing).transpose()
    }

    /// The account's projects, newest first.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn projects(
        &self,
        account: AccountId,
        environment: Environment,
        paging: &Paging,
    ) -> Result<Slice<Project>, StoreError> {
        self.newest(project_partition(account, environment), Kind::Project, paging, |_| true).await
    }

    /// Those of the projects `ids`, at most 100, that exist, newest first.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn projects_among(
        &self,
        account: AccountId,
        environment: Environment,
        ids: &[ProjectId],
        paging: &Paging,
    ) -> Result<Slice<Project>, StoreError> {
        let behind = |id: &&ProjectId| paging.after.as_deref().is_none_or(|after| id.as_str() < after);
        let keys: Vec<_> =
            ids.iter().filter(behind).map(|id| Key::project(account, environment, id)).collect();
        // A batch may not be empty.
        let items = if keys.is_empty() { Vec::new() } else { self.batch_get(&keys).await? };
        let mut things = items.into_iter().map(thing).collect::<Result<Vec<Project>, _>>()?;
        things.sort_by(|one, other| other.id.cmp(&one.id));
        let more = things.len() > paging.limit;
        things.truncate(paging.limit);
        let next = things.last().filter(|_| more).map(|last| last.id.to_string());
        Ok(Slice { things, next })
    }

    /// Gives a project another name. Returns it as it is then.
    ///
    /// # Errors
    /// When there is none, or the table can't be written.
    pub async fn rename_project(
        &self,
        account: AccountId,
        environment: Environment,
        project: &ProjectId,
        name: &Name,
    ) -> Result<Project, StoreError> {
        let update = Write::update(Key::project(account, environment, project), "SET #name = :name")
            .only_if_there()
            .name("#name", "name")
            .value(":name", name)?;
        thing(self.write(update).await?.unwrap_or_default())
    }

    /// Deletes a project.
    ///
    /// # Errors
    /// When there is none, or the table can't be written.
    pub async fn delete_project(
        &self,
        account: AccountId,
        environment: Environment,
        project: &ProjectId,
    ) -> Result<(), StoreError> {
        self.write(Write::delete(Key::project(account, environment, project)).only_if_there()).await.map(drop)
    }
}
