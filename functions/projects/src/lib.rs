//! `/v1/projects`: the projects that the credentials protect.

use std::{convert::identity, sync::Arc};

use schemars::JsonSchema;
use serde::Deserialize;
use shared::{
    app::App,
    cursor::{List, Page},
    environment::Environment,
    error::Error,
    function::Function,
    http::{self, ENVIRONMENT, Event, PAGING, Request, Response, StatusCode},
    id::AccountId,
    idempotency,
    name::Name,
    operation::{Answer, Body, Credentials, Operation, schema_of},
    principal::Principal,
    project::{Project, ProjectId},
    scope::Scope,
};

/// What the API's description says of it.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        route: "GET /v1/projects",
        name: "listProjects",
        summary: "List the projects",
        description: "Newest first. A scoped key sees its own alone.",
        credentials: Credentials::KeyOrSession,
        id: None,
        parameters: &[PAGING[0], PAGING[1], ENVIRONMENT],
        body: None,
        answer: Answer {
            status: 200,
            description: "A page of projects.",
            body: Some((
                schema_of::<Page<Project>>,
                r#"{"data": [{"id": "proj_abc123", "name": "Study A", "created_at": "2026-01-30T12:00:00Z"}], "next_cursor": null}"#,
            )),
        },
        refusals: &[],
    },
    Operation {
        route: "POST /v1/projects",
        name: "createProject",
        summary: "Make a project",
        description: "No scoped key may.",
        credentials: Credentials::KeyOrSession,
        id: None,
        parameters: &[ENVIRONMENT, idempotency::PARAMETER],
        body: Some(Body {
            schema: schema_of::<ProjectBody>,
            example: r#"{"name": "Study A"}"#,
            optional: false,
        }),
        answer: Answer {
            status: 201,
            description: "The project.",
            body: Some((
                schema_of::<Project>,
                r#"{"id": "proj_abc123", "name": "Study A", "created_at": "2026-01-30T12:00:00Z"}"#,
            )),
        },
        refusals: &[409, 422],
    },
    Operation {
        route: "GET /v1/projects/{project_id}",
        name: "getProject",
        summary: "Show a project",
        description: "",
        credentials: Credentials::KeyOrSession,
        id: Some(schema_of::<ProjectId>),
        parameters: &[ENVIRONMENT],
        body: None,
        answer: Answer {
            status: 200,
            description: "The project.",
            body: Some((
                schema_of::<Project>,
                r#"{"id": "proj_abc123", "name": "Study A", "created_at": "2026-01-30T12:00:00Z"}"#,
            )),
        },
        refusals: &[],
    },
    Operation {
        route: "PATCH /v1/projects/{project_id}",
        name: "renameProject",
        summary: "Rename a project",
        description: "",
        credentials: Credentials::KeyOrSession,
        id: Some(schema_of::<ProjectId>),
        parameters: &[ENVIRONMENT],
        body: Some(Body {
            schema: schema_of::<ProjectBody>,
            example: r#"{"name": "Study A"}"#,
            optional: false,
        }),
        answer: Answer {
            status: 200,
            description: "The project.",
            body: Some((
                schema_of::<Project>,
                r#"{"id": "proj_abc123", "name": "Study A", "created_at": "2026-01-30T12:00:00Z"}"#,
            )),
        },
        refusals: &[],
    },
    Operation {
        route: "DELETE /v1/projects/{project_id}",
        name: "deleteProject",
        summary: "Delete a project",
        description: "",
        credentials: Credentials::KeyOrSession,
        id: Some(schema_of::<ProjectId>),
        parameters: &[ENVIRONMENT],
        body: None,
        answer: Answer::NO_CONTENT,
        refusals: &[],
    },
];

/// The function.
pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, handle)
}

/// The partition of projects that a request works in.
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
        ("GET", "/v1/projects/{project_id}") => show(&app, &partition, &request).await,
        ("PATCH", "/v1/projects/{project_id}") => rename(&app, &partition, &request).await,
        ("DELETE", "/v1/projects/{project_id}") => delete(&app, &partition, &request).await,
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
        Scope::Projects(own) => {
            app.store.projects_among(account_id, environment, own.as_slice(), &paging).await?
        }
    };
    let page = Page::new(projects, &list, identity);
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
    if let Some(answer) = idempotency.replay(app, now).await? {
        return Ok(answer);
    }
    let project = Project { id: ProjectId::new(&app.clock, &app.random), name, created_at: now };
    let outcome = idempotency.outcome(StatusCode::CREATED, &project, now);
    app.store.create_project(account_id, environment, &project, outcome.as_ref()).await?;
    Ok(http::json(StatusCode::CREATED, &project))
}

async fn show(app: &App, partition: &Partition, request: &Request) -> Result<Response, Error> {
    let id = request.path_id("project_id")?;
    let project = app.store.project(partition.account_id, partition.environment, &id).await?;
    Ok(http::json(StatusCode::OK, &project.ok_or_else(Error::not_found)?))
}

async fn rename(app: &App, partition: &Partition, request: &Request) -> Result<Response, Error> {
    let id = request.path_id("project_id")?;
    let ProjectBody { name } = request.body()?;
    let project = app.store.rename_project(partition.account_id, partition.environment, &id, &name).await?;
    Ok(http::json(StatusCode::OK, &project))
}

async fn delete(app: &App, partition: &Partition, request: &Request) -> Result<Response, Error> {
    let id = request.path_id("project_id")?;
    app.store.delete_project(partition.account_id, partition.environment, &id).await?;
    Ok(http::no_content())
}
