//! Projects in the table.

use aws_sdk_dynamodb::types::ReturnValue;

use super::{
    Store,
    attributes::{item, thing, value},
    failure::{StoreError, done},
    keys::{Key, Kind, project_partition},
};
use crate::{
    cursor::Paging,
    environment::Environment,
    id::AccountId,
    name::Name,
    project::{Project, ProjectId},
};

impl Store {
    /// Puts a new project into the table.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn create_project(
        &self,
        account: AccountId,
        environment: Environment,
        project: &Project,
    ) -> Result<(), StoreError> {
        // Without a condition: the id is new, and an attempt that is repeated writes the same.
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item(Key::project(account, environment, &project.id), project)?))
            .send()
            .await?;
        Ok(())
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
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(Key::project(account, environment, project).into_attributes()))
            .consistent_read(true)
            .send()
            .await?;
        answer.item.map(thing).transpose()
    }

    /// The account's projects, newest first; one more than a page where there is a next page.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn projects(
        &self,
        account: AccountId,
        environment: Environment,
        paging: &Paging,
    ) -> Result<Vec<Project>, StoreError> {
        self.newest(project_partition(account, environment), Kind::Project, paging, |_| true).await
    }

    /// Those of the projects `ids`, at most 100, that exist, newest first; one more than a page where there
    /// is a next page.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn projects_among(
        &self,
        account: AccountId,
        environment: Environment,
        ids: &[ProjectId],
        paging: &Paging,
    ) -> Result<Vec<Project>, StoreError> {
        let behind = |id: &&ProjectId| paging.after.as_deref().is_none_or(|after| id.as_str() < after);
        let keys: Vec<_> = ids
            .iter()
            .filter(behind)
            .map(|id| Key::project(account, environment, id).into_attributes())
            .collect();
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let items = self.batch_get(keys).await?;
        let mut projects = items.into_iter().map(thing).collect::<Result<Vec<Project>, _>>()?;
        projects.sort_by(|one, other| other.id.cmp(&one.id));
        projects.truncate(paging.limit + 1);
        Ok(projects)
    }

    /// Gives a project another name. Returns it as it is then, or `None` where there is none.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn rename_project(
        &self,
        account: AccountId,
        environment: Environment,
        project: &ProjectId,
        name: &Name,
    ) -> Result<Option<Project>, StoreError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(Key::project(account, environment, project).into_attributes()))
            .update_expression("SET #name = :name")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_names("#name", "name")
            .expression_attribute_values(":name", value(name)?)
            .return_values(ReturnValue::AllNew);
        done(update.send().await)?.and_then(|answer| answer.attributes).map(thing).transpose()
    }

    /// Deletes a project. Says whether there was one.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn delete_project(
        &self,
        account: AccountId,
        environment: Environment,
        project: &ProjectId,
    ) -> Result<bool, StoreError> {
        let delete = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(Key::project(account, environment, project).into_attributes()))
            .condition_expression("attribute_exists(pk)");
        Ok(done(delete.send().await)?.is_some())
    }
}
