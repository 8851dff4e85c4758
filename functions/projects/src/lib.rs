//! `/v1/projects`: manages projects, the resource that credentials give access to.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use shared::{
    authorization::principal::Principal,
    error::Error,
    http::{
        self, ENVIRONMENT, Event, PAGING, Request, Response, StatusCode, examples,
        openapi::{Body, Credentials, Operation, Success, Tag, schema_of},
        views::{PageView, ProjectView},
    },
    model::{audit_event::Actor, project::Project},
    primitives::{
        environment::Environment, id::AccountId, name::Name, pagination::List, project_id::ProjectId,
        scope::Scope,
    },
    runtime::{app::App, function::Function},
};

pub const OPERATIONS: &[Operation] = &[
    Operation {
        route: "GET /v1/projects",
        function: env!("CARGO_PKG_NAME"),
        tag: Tag::Projects,
        name: "listProjects",
        summary: "List projects",
        description: "Returns the projects of the account, newest first. An API key with a scope sees only the projects in its scope.",
        credentials: Credentials::KeyOrSession,
        id: None,
        parameters: &[PAGING[0], PAGING[1], ENVIRONMENT],
        body: None,
        success: Success {
            status: 200,
            description: "A page of projects.",
            body: Some((schema_of::<PageView<ProjectView>>, || examples::page(&examples::project()))),
        },
        errors: &[],
    },
    Operation {
        route: "POST /v1/projects",
        function: env!("CARGO_PKG_NAME"),
        tag: Tag::Projects,
        name: "createProject",
        summary: "Create a project",
        description: "Creates a project. An API key with a scope can't create projects.",
        credentials: Credentials::KeyOrSession,
        id: None,
        parameters: &[ENVIRONMENT, http::idempotency::PARAMETER],
        body: Some(Body {
            schema: schema_of::<ProjectBody>,
            example: examples::project_body,
            optional: false,
        }),
        success: Success {
            status: 201,
            description: "The project.",
            body: Some((schema_of::<ProjectView>, examples::project)),
        },
        errors: &[(409, "Another request with the same `Idempotency-Key` is in progress.")],
    },
    Operation {
        route: "GET /v1/projects/{project_id}",
        function: env!("CARGO_PKG_NAME"),
        tag: Tag::Projects,
        name: "getProject",
        summary: "Get a project",
        description: "Returns a project. An API key with a scope can only access the projects in its scope.",
        credentials: Credentials::KeyOrSession,
        id: Some(schema_of::<ProjectId>),
        parameters: &[ENVIRONMENT],
        body: None,
        success: Success {
            status: 200,
            description: "The project.",
            body: Some((schema_of::<ProjectView>, examples::project)),
        },
        errors: &[],
    },
    Operation {
        route: "PATCH /v1/projects/{project_id}",
        function: env!("CARGO_PKG_NAME"),
        tag: Tag::Projects,
        name: "renameProject",
        summary: "Rename a project",
        description: "Changes the name of a project. An API key with a scope can only access the projects in its scope.",
        credentials: Credentials::KeyOrSession,
        id: Some(schema_of::<ProjectId>),
        parameters: &[ENVIRONMENT],
        body: Some(Body {
            schema: schema_of::<ProjectBody>,
            example: examples::project_body,
            optional: false,
        }),
        success: Success {
            status: 200,
            description: "The project.",
            body: Some((schema_of::<ProjectView>, examples::project)),
        },
        errors: &[],
    },
    Operation {
        route: "DELETE /v1/projects/{project_id}",
        function: env!("CARGO_PKG_NAME"),
        tag: Tag::Projects,
        name: "deleteProject",
        summary: "Delete a project",
        description: "Deletes a project. An API key with a scope can only access the projects in its scope.",
        credentials: Credentials::KeyOrSession,
        id: Some(schema_of::<ProjectId>),
        parameters: &[ENVIRONMENT],
        body: None,
        success: Success::NO_CONTENT,
        errors: &[],
    },
];

pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, OPERATIONS, handle)
}

/// The account and the environment whose projects the request accesses. Each pair has its own partition in the table.
struct Partition {
    account_id: AccountId,
    environment: Environment,
}

async fn handle(app: Arc<App>, principal: Principal, request: Request) -> Result<Response, Error> {
    let account_id = principal.account_id();
    let partition = Partition { account_id, environment: request.environment(&principal)? };
    match (request.method(), request.route()) {
        ("GET", "/v1/projects") => list(&app, &partition, &principal, &request).await,
        ("POST", "/v1/projects") => create(&app, &partition, &principal, &request).await,
        ("GET", "/v1/projects/{project_id}") => get(&app, &partition, &request).await,
        ("PATCH", "/v1/projects/{project_id}") => rename(&app, &partition, &principal, &request).await,
        ("DELETE", "/v1/projects/{project_id}") => delete(&app, &partition, &principal, &request).await,
        _ => Err(Error::not_found()),
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ProjectBody {
    name: Name,
}

async fn list(
    app: &App,
    partition: &Partition,
    principal: &Principal,
    request: &Request,
) -> Result<Response, Error> {
    let Partition { account_id, environment } = *partition;
    let list = List::new(format_args!("projects/{}", environment.as_str()), account_id);
    let paging = request.paging(&list)?;
    let projects = match principal.scope() {
        Scope::All => app.store.projects(account_id, environment, &paging).await?,
        Scope::Projects(in_scope) => {
            app.store.projects_among(account_id, environment, in_scope.as_slice(), &paging).await?
        }
    };
    let page = PageView::new(projects, &list, ProjectView::from);
    Ok(http::json(StatusCode::OK, &page))
}

async fn create(
    app: &App,
    partition: &Partition,
    principal: &Principal,
    request: &Request,
) -> Result<Response, Error> {
    let Partition { account_id, environment } = *partition;
    let ProjectBody { name } = request.body()?;
    let now = app.clock.now();
    let idempotency = request.idempotency(principal)?;
    if let Some(response) = idempotency.replay(app, now).await? {
        return Ok(response);
    }
    let project = Project { id: ProjectId::new(&app.clock, &app.random), name, created_at: now };
    let view = ProjectView::from(project.clone());
    let result = idempotency.result(StatusCode::CREATED, &view, now);
    let (actor, audit_context) = (Actor::from(principal), request.audit_context(app));
    let result = result.as_ref();
    app.store.create_project(account_id, environment, &project, result, actor, &audit_context).await?;
    Ok(http::json(StatusCode::CREATED, &view))
}

async fn get(app: &App, partition: &Partition, request: &Request) -> Result<Response, Error> {
    let id = request.path_id("project_id")?;
    let project = app.store.project(partition.account_id, partition.environment, &id).await?;
    Ok(http::json(StatusCode::OK, &ProjectView::from(project.ok_or_else(Error::not_found)?)))
}

async fn rename(
    app: &App,
    partition: &Partition,
    principal: &Principal,
    request: &Request,
) -> Result<Response, Error> {
    let Partition { account_id, environment } = *partition;
    let ProjectBody { name } = request.body()?;
    let id = request.path_id("project_id")?;
    let before = app.store.project(account_id, environment, &id).await?.ok_or_else(Error::not_found)?;
    let after = Project { name, ..before.clone() };
    if after.name != before.name {
        let (actor, audit_context) = (Actor::from(principal), request.audit_context(app));
        app.store.rename_project(account_id, environment, &after, actor, &audit_context).await?;
    }
    Ok(http::json(StatusCode::OK, &ProjectView::from(after)))
}

async fn delete(
    app: &App,
    partition: &Partition,
    principal: &Principal,
    request: &Request,
) -> Result<Response, Error> {
    let Partition { account_id, environment } = *partition;
    let id = request.path_id("project_id")?;
    let (actor, audit_context) = (Actor::from(principal), request.audit_context(app));
    app.store.delete_project(account_id, environment, &id, actor, &audit_context).await?;
    Ok(http::no_content())
}
