//! `GET /v1/health`: says that the service is up. It reads nothing, so it says no more than that.

use std::sync::Arc;

use serde::Serialize;
use shared::{
    app::App,
    error::Error,
    function::Function,
    http::{self, Event, Request, Response, StatusCode},
};

/// The function.
pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::public(app, handle)
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

async fn handle(_app: Arc<App>, _request: Request) -> Result<Response, Error> {
    Ok(http::json(StatusCode::OK, &Health { status: "ok" }))
}
