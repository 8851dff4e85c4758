//! Reads and writes of projects.

use crate::{
    idempotency::IdempotencyResult,
    model::{
        audit_event::{Action, Actor, AuditContext},
        project::Project,
    },
    primitives::{
        environment::Environment,
        id::AccountId,
        pagination::{Page, Paging},
        project_id::ProjectId,
    },
    store::{
        Store,
        audit_events::event_writes,
        dynamodb::{
            attributes::{to_entity, to_item},
            key::Key,
            write::Write,
        },
        error::StoreError,
        idempotency_records::result_write,
        keys::{self, project_partition},
    },
};

impl Store {
    /// Creates a project and stores the idempotency record.
    ///
    /// # Errors
    /// If a request with the same idempotency key was made first, or the write fails.
    pub async fn create_project(
        &self,
        account: AccountId,
        environment: Environment,
        project: &Project,
        idempotency: Option<&IdempotencyResult>,
        actor: Actor,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        // This needs no condition: the id is new, and a retry writes the same item.
        let put = Write::put(to_item(Key::project(account, environment, &project.id), project)?);
        let Project { id, name, .. } = project.clone();
        let created = Action::ProjectCreated { project_id: id, environment, name };
        let mut writes = vec![put];
        writes.extend(event_writes(account, actor, created, audit_context)?);
        writes.extend(idempotency.map(result_write).transpose()?);
        self.table.transact(writes).await
    }

    /// Loads a project.
    ///
    /// # Errors
    /// If the read fails.
    pub async fn project(
        &self,
        account: AccountId,
        environment: Environment,
        project: &ProjectId,
    ) -> Result<Option<Project>, StoreError> {
        self.table.get(Key::project(account, environment, project)).await?.map(to_entity).transpose()
    }

    /// Lists the account's projects, newest first.
    ///
    /// # Errors
    /// If a read fails.
    pub async fn projects(
        &self,
        account: AccountId,
        environment: Environment,
        paging: &Paging,
    ) -> Result<Page<Project>, StoreError> {
        self.table.list(project_partition(account, environment), keys::PROJECTS, paging, |_| true).await
    }

    /// Lists the projects among `ids` that exist, newest first. There may be at most 100 ids.
    ///
    /// # Errors
    /// If the read fails.
    pub async fn projects_among(
        &self,
        account: AccountId,
        environment: Environment,
        ids: &[ProjectId],
        paging: &Paging,
    ) -> Result<Page<Project>, StoreError> {
        let behind = |id: &&ProjectId| paging.after.as_deref().is_none_or(|after| id.as_str() < after);
        let keys: Vec<_> =
            ids.iter().filter(behind).map(|id| Key::project(account, environment, id)).collect();
        // A batch must not be empty.
        let items = if keys.is_empty() { Vec::new() } else { self.table.batch_get(&keys).await? };
        let mut entities = items.into_iter().map(to_entity).collect::<Result<Vec<Project>, _>>()?;
        entities.sort_by(|one, other| other.id.cmp(&one.id));
        let has_more = entities.len() > paging.limit;
        entities.truncate(paging.limit);
        let next = entities.last().filter(|_| has_more).map(|last| last.id.to_string());
        Ok(Page { entities, next })
    }

    /// Stores the new name of `project`.
    ///
    /// # Errors
    /// If the project was deleted in the meantime, or the write fails.
    pub async fn rename_project(
        &self,
        account: AccountId,
        environment: Environment,
        project: &Project,
        actor: Actor,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let update = Write::update(Key::project(account, environment, &project.id), "SET #name = :name")
            .if_exists()
            .name("#name", "name")
            .value(":name", &project.name)?;
        let Project { id, name, .. } = project.clone();
        let changed = Action::ProjectChanged { project_id: id, environment, name };
        let mut writes = vec![update];
        writes.extend(event_writes(account, actor, changed, audit_context)?);
        self.table.transact(writes).await
    }

    /// Deletes a project.
    ///
    /// # Errors
    /// If the project does not exist, or the write fails.
    pub async fn delete_project(
        &self,
        account: AccountId,
        environment: Environment,
        project: &ProjectId,
        actor: Actor,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let delete = Write::delete(Key::project(account, environment, project)).if_exists();
        let deleted = Action::ProjectDeleted { project_id: project.clone(), environment };
        let mut writes = vec![delete];
        writes.extend(event_writes(account, actor, deleted, audit_context)?);
        self.table.transact(writes).await
    }
}
