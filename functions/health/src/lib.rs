//! `GET /v1/health`: says that the service is up. It reads nothing, so it says no more than that.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use shared::{
    app::App,
    error::Error,
    function::Function,
    http::{self, Event, Request, Response, StatusCode},
    operation::{Answer, Credentials, Operation, schema_of},
};

/// What the API's description says of it.
pub const OPERATIONS: &[Operation] = &[Operation {
    route: "GET /v1/health",
    name: "getHealth",
    summary: "Is the service up?",
    description: "It reads nothing, so it says no more than that.",
    credentials: Credentials::None,
    id: None,
    parameters: &[],
    body: None,
    answer: Answer {
        status: 200,
        description: "It is up.",
        body: Some((schema_of::<Health>, r#"{"status": "ok"}"#)),
    },
    refusals: &[],
}];

/// The function.
pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::public(app, handle)
}

#[derive(Serialize, JsonSchema)]
struct Health {
    status: &'static str,
}

async fn handle(_app: Arc<App>, _request: Request) -> Result<Response, Error> {
    Ok(http::json(StatusCode::OK, &Health { status: "ok" }))
}
