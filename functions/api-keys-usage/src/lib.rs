//! `GET /v1/api-keys/{key_id}/usage`: returns how often an API key was used, by day.

use std::{str::FromStr, sync::Arc};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::json;
use shared::{
    authorization::principal::Principal,
    error::Error,
    http::{
        self, Event, Request, Response, StatusCode,
        openapi::{Credentials, Location, Operation, Parameter, Success, Tag, schema_of},
    },
    primitives::{
        id::KeyId,
        usage::{Day, DayUsage},
    },
    runtime::{app::App, function::Function, lookup::reachable_key},
};

pub const OPERATIONS: &[Operation] = &[Operation {
    route: "GET /v1/api-keys/{key_id}/usage",
    function: env!("CARGO_PKG_NAME"),
    tag: Tag::ApiKeys,
    name: "getApiKeyUsage",
    summary: "Get the usage of an API key",
    description: "Returns how many requests with an API key were authorized, and how many exceeded its rate limit, on each of the last days. The service counts requests in batches, so the latest ones appear later, and a few never. Rejected requests appear with the next authorized ones. The numbers never exceed what was authorized. Usage is kept for 90 days, also that of a revoked key. Requires a session, an API key with `admin` that can access the key, or the key itself.",
    credentials: Credentials::KeyOrSession,
    id: Some(schema_of::<KeyId>),
    parameters: &[Parameter {
        name: "days",
        location: Location::Query,
        description: "How many days to return, up to and including today.",
        schema: |_| json_schema!({"type": "integer", "minimum": 1, "maximum": Day::STORED, "default": DEFAULT_DAYS}),
    }],
    body: None,
    success: Success {
        status: 200,
        description: "The days on which the key was used.",
        body: Some((
            schema_of::<Usage>,
            || json!({"data": [{"date": "2026-01-30", "requests": 1234, "rate_limited": 5}, {"date": "2026-01-28", "requests": 17, "rate_limited": 0}]}),
        )),
    },
    errors: &[],
}];

const DEFAULT_DAYS: u16 = 30;

pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, OPERATIONS, handle)
}

/// The value of the query parameter `days`.
struct Days(u16);

impl Default for Days {
    fn default() -> Self {
        Self(DEFAULT_DAYS)
    }
}

impl FromStr for Days {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let days = text.parse().ok().filter(|days| (1..=Day::STORED).contains(days));
        days.map(Self).ok_or_else(|| format!("must be an integer from 1 to {}", Day::STORED))
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "KeyUsage")]
struct Usage {
    /// The days, newest first. Days without use are left out.
    data: Vec<DayView>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "KeyUsageOfDay")]
struct DayView {
    /// The day in UTC.
    #[schemars(extend("format" = "date"))]
    date: String,
    /// How many requests were authorized.
    #[schemars(schema_with = "count_schema")]
    requests: u64,
    /// How many requests exceeded the rate limit of the key and got 429.
    #[schemars(schema_with = "count_schema")]
    rate_limited: u64,
}

/// Without a format, because some generated clients send a 64-bit integer as a string.
fn count_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "integer", "minimum": 0})
}

impl From<DayUsage> for DayView {
    fn from(DayUsage { day, requests, rate_limited }: DayUsage) -> Self {
        Self { date: day.to_string(), requests, rate_limited }
    }
}

async fn handle(app: Arc<App>, principal: Principal, request: Request) -> Result<Response, Error> {
    let Days(days) = request.query("days")?.unwrap_or_default();
    let key = reachable_key(&app, &principal, request.path_id("key_id")?).await?;
    let days = Day::at(app.clock.now()).last(days);
    let usage = app.store.usage(&key, &days).await?;
    let data = usage.into_iter().map(Into::into).collect();
    Ok(http::json(StatusCode::OK, &Usage { data }))
}
