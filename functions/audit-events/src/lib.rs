//! `GET /v1/audit-events`: lists the events of the account's audit trail.

use std::sync::Arc;

use schemars::json_schema;
use serde_json::json;
use shared::{
    authorization::principal::Principal,
    error::Error,
    http::{
        self, Event, PAGING, Request, Response, StatusCode, examples,
        openapi::{Credentials, Location, Operation, Parameter, Success, Tag, schema_of},
        views::{AuditEventView, PageView},
    },
    model::audit_event_filter::{AuditEventFilter, EventType},
    primitives::{id::KeyId, pagination::List, timestamp::Timestamp},
    runtime::{app::App, function::Function},
};

pub const OPERATIONS: &[Operation] = &[Operation {
    route: "GET /v1/audit-events",
    function: env!("CARGO_PKG_NAME"),
    tag: Tag::AuditTrail,
    name: "listAuditEvents",
    summary: "List audit events",
    description: "Returns the events of the account's audit trail, newest first. Requires `admin` over the whole account. With `key_id`, `type` or `actor`, a page may contain fewer events than `limit`, even none, although `next_cursor` is not null. A cursor belongs to the filters of its request: with other filters, it is a 400.",
    credentials: Credentials::KeyOrSession,
    id: None,
    parameters: &[
        PAGING[0],
        PAGING[1],
        Parameter {
            name: "key_id",
            location: Location::Query,
            description: "Only return events that this API key caused, and changes to this key.",
            schema: schema_of::<KeyId>,
        },
        Parameter {
            name: "type",
            location: Location::Query,
            description: "Only return events of this type.",
            schema: |_| json_schema!({"enum": EventType::NAMES.as_slice()}),
        },
        Parameter {
            name: "actor",
            location: Location::Query,
            description: "Only return events that this member or this API key caused, or the operator with `operator`.",
            schema: |_| json_schema!({"type": "string", "pattern": "^((user|key)_[0-9A-Za-z]{16}|operator)$"}),
        },
        Parameter {
            name: "since",
            location: Location::Query,
            description: "Only return events at this time or later.",
            schema: schema_of::<Timestamp>,
        },
        Parameter {
            name: "until",
            location: Location::Query,
            description: "Only return events before this time.",
            schema: schema_of::<Timestamp>,
        },
    ],
    body: None,
    success: Success {
        status: 200,
        description: "A page of audit events.",
        body: Some((schema_of::<PageView<AuditEventView>>, || {
            examples::page(
                &json!({"id": "event_0VpZbQ9sWm40aYeK", "type": "api_key.rotated", "created_at": "2026-01-30T12:00:00Z", "key_id": "key_0VpZbQ9sWm40aYeK", "previous_expires_at": "2026-01-31T12:00:00Z", "actor": {"type": "session", "user_id": "user_0VpZbQ9sWm40aYeK", "session_id": "sid_0VpZbQ9sWm40aYeK"}, "request_id": "0b5ba5de-0000-0000-0000-000000000000", "source_ip": "192.0.2.1"}),
            )
        })),
    },
    errors: &[],
}];

pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, OPERATIONS, handle)
}

async fn handle(app: Arc<App>, principal: Principal, request: Request) -> Result<Response, Error> {
    let account_id = principal.account_id();
    let filter = AuditEventFilter {
        key: request.query("key_id")?,
        event_type: request.query("type")?,
        actor: request.query("actor")?,
        since: request.query("since")?,
        until: request.query("until")?,
    };
    if let (Some(since), Some(until)) = (filter.since, filter.until)
        && until <= since
    {
        return Err(Error::bad_field("until", "must be after `since`"));
    }
    let list = List::new(filter, account_id);
    let paging = request.paging(&list)?;
    let events = app.store.audit_events(account_id, &filter, &paging, app.clock.now()).await?;
    let page = PageView::new(events, &list, AuditEventView::from);
    Ok(http::json(StatusCode::OK, &page))
}
