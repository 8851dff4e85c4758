//! `GET /v1/health`: reports that the service is running. It does not check the services that this one depends on.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use shared::{
    error::Error,
    http::{
        self, Event, Request, Response, StatusCode,
        openapi::{Credentials, Operation, Success, Tag, schema_of},
    },
    runtime::{app::App, function::Function},
};

pub const OPERATIONS: &[Operation] = &[Operation {
    route: "GET /v1/health",
    function: env!("CARGO_PKG_NAME"),
    tag: Tag::Service,
    name: "getHealth",
    summary: "Check the health of the service",
    description: "Reports that the service is running. The services that it depends on are not checked.",
    credentials: Credentials::None,
    id: None,
    parameters: &[],
    body: None,
    success: Success {
        status: 200,
        description: "The service is running.",
        body: Some((schema_of::<Health>, || json!({"status": "ok"}))),
    },
    errors: &[],
}];

pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::public(app, OPERATIONS, handle)
}

#[derive(Serialize, JsonSchema)]
struct Health {
    /// Always `ok`.
    status: &'static str,
}

async fn handle(_app: Arc<App>, _request: Request) -> Result<Response, Error> {
    Ok(http::json(StatusCode::OK, &Health { status: "ok" }))
}
