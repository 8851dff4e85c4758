//! `/v1/members`: the people of an account.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use shared::{
    app::App,
    authority::{may_change_member, may_grant},
    cursor::{List, Page},
    email::EmailAddress,
    error::Error,
    function::Function,
    http::{self, Event, PAGING, Request, Response, StatusCode},
    id::UserId,
    member::{Member, MemberStatus, MemberView},
    operation::{Answer, Body, Credentials, Operation, schema_of},
    password::NewPassword,
    permission::Permissions,
    principal::Principal,
    refusal::Forbidden,
};

/// What the API's description says of it.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        route: "GET /v1/members",
        name: "listMembers",
        summary: "List the members",
        description: "Newest first. Members, like the audit trail, ask for `admin` over the whole account: a live key without a scope, or a session.",
        credentials: Credentials::KeyOrSession,
        id: None,
        parameters: &PAGING,
        body: None,
        answer: Answer {
            status: 200,
            description: "A page of members.",
            body: Some((
                schema_of::<Page<MemberView>>,
                r#"{"data": [{"id": "user_0VpZbQ9sWm40aYeK", "email": "user@example.com", "permissions": ["read"], "status": "active", "created_at": "2026-01-30T12:00:00Z"}], "next_cursor": null}"#,
            )),
        },
        refusals: &[],
    },
    Operation {
        route: "POST /v1/members",
        name: "createMember",
        summary: "Make a member",
        description: "Nobody grants what they lack: 403 otherwise.",
        credentials: Credentials::KeyOrSession,
        id: None,
        parameters: &[],
        body: Some(Body {
            schema: schema_of::<NewMember>,
            example: r#"{"email": "grace@example.com", "permissions": ["read"], "password": "a lizard on the 7th wall"}"#,
            optional: false,
        }),
        answer: Answer {
            status: 201,
            description: "The member.",
            body: Some((
                schema_of::<MemberView>,
                r#"{"id": "user_0VpZbQ9sWm40aYeK", "email": "grace@example.com", "permissions": ["read"], "status": "active", "created_at": "2026-01-30T12:00:00Z"}"#,
            )),
        },
        refusals: &[
            (403, "The caller may not make members, or lacks a permission that the member would have."),
            (
                409,
                "The address belongs to a member already, of this account or another, or the caller's credential ended meanwhile.",
            ),
        ],
    },
    Operation {
        route: "GET /v1/members/{user_id}",
        name: "getMember",
        summary: "Show a member",
        description: "With `admin` over the whole account.",
        credentials: Credentials::KeyOrSession,
        id: Some(schema_of::<UserId>),
        parameters: &[],
        body: None,
        answer: Answer {
            status: 200,
            description: "The member.",
            body: Some((
                schema_of::<MemberView>,
                r#"{"id": "user_0VpZbQ9sWm40aYeK", "email": "user@example.com", "permissions": ["read"], "status": "active", "created_at": "2026-01-30T12:00:00Z"}"#,
            )),
        },
        refusals: &[],
    },
    Operation {
        route: "PATCH /v1/members/{user_id}",
        name: "changeMember",
        summary: "Change a member",
        description: "What is changed counts from the next request on, in sessions that stand too. Nobody grants what they lack: 403 otherwise. An account keeps at least one active member with `admin`: 409 otherwise.",
        credentials: Credentials::KeyOrSession,
        id: Some(schema_of::<UserId>),
        parameters: &[],
        body: Some(Body {
            schema: schema_of::<MemberPatch>,
            example: r#"{"permissions": ["read"], "status": "suspended"}"#,
            optional: false,
        }),
        answer: Answer {
            status: 200,
            description: "The member.",
            body: Some((
                schema_of::<MemberView>,
                r#"{"id": "user_0VpZbQ9sWm40aYeK", "email": "user@example.com", "permissions": ["read"], "status": "suspended", "created_at": "2026-01-30T12:00:00Z"}"#,
            )),
        },
        refusals: &[
            (
                403,
                "The caller may not change members, or lacks a permission that the member would gain. One who was suspended gains all of theirs.",
            ),
            (409, "No active member with `admin` would be left, or another change came first."),
        ],
    },
    Operation {
        route: "DELETE /v1/members/{user_id}",
        name: "removeMember",
        summary: "Remove a member",
        description: "Their sessions end. Keys that they made stay. An account keeps at least one active member with `admin`: 409 otherwise.",
        credentials: Credentials::KeyOrSession,
        id: Some(schema_of::<UserId>),
        parameters: &[],
        body: None,
        answer: Answer::NO_CONTENT,
        refusals: &[
            (403, "The caller may not remove members."),
            (409, "No active member with `admin` would be left, or another change came first."),
        ],
    },
];

/// The function.
pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, handle)
}

async fn handle(app: Arc<App>, principal: Principal, request: Request) -> Result<Response, Error> {
    match (request.method(), request.route()) {
        ("GET", "/v1/members") => list(&app, &principal, &request).await,
        ("POST", "/v1/members") => create(&app, &principal, &request).await,
        ("GET", "/v1/members/{user_id}") => {
            let member = named(&app, &principal, &request).await?;
            Ok(http::json(StatusCode::OK, &MemberView::from(member)))
        }
        ("PATCH", "/v1/members/{user_id}") => change(&app, &principal, &request).await,
        ("DELETE", "/v1/members/{user_id}") => {
            let member = named(&app, &principal, &request).await?;
            app.store.remove_member(&member, &principal, &request.occasion(&app)).await?;
            Ok(http::no_content())
        }
        _ => Err(Error::not_found()),
    }
}

/// The member whom the path names.
async fn named(app: &App, principal: &Principal, request: &Request) -> Result<Member, Error> {
    let member = app.store.member(principal.account_id(), request.path_id("user_id")?).await?;
    member.ok_or_else(Error::not_found)
}

async fn list(app: &App, principal: &Principal, request: &Request) -> Result<Response, Error> {
    let list = List::new("members", principal.account_id());
    let paging = request.paging(&list)?;
    let members = app.store.members(principal.account_id(), &paging).await?;
    let page = Page::new(members, &list, MemberView::from);
    Ok(http::json(StatusCode::OK, &page))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewMember {
    /// The address they log in with, in ASCII. No other member of any account has it: 409 otherwise.
    email: EmailAddress,
    /// What they may do. Whoever makes them holds these too.
    permissions: Permissions,
    password: NewPassword,
}

async fn create(app: &App, principal: &Principal, request: &Request) -> Result<Response, Error> {
    let NewMember { email, permissions, password } = request.body()?;
    if !may_grant(principal, permissions) {
        return Err(Error::forbidden(Forbidden::ExceedsCaller));
    }
    let member = Member {
        id: UserId::new(&app.clock, &app.random),
        account_id: principal.account_id(),
        email,
        permissions,
        status: MemberStatus::Active,
        created_at: app.clock.now(),
        session_epoch: 0,
    };
    let hash =
        password.hash(app.peppers().await?, &app.random).await.map_err(|error| error.in_field("password"))?;
    app.store.create_member(&member, &hash, principal, &request.occasion(app)).await?;
    Ok(http::json(StatusCode::CREATED, &MemberView::from(member)))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MemberPatch {
    /// What they may do from now on. Left out or null: as before.
    permissions: Option<Permissions>,
    /// Whether they may log in from now on. Left out or null: as before.
    status: Option<MemberStatus>,
}

async fn change(app: &App, principal: &Principal, request: &Request) -> Result<Response, Error> {
    let MemberPatch { permissions, status } = request.body()?;
    let before = named(app, principal, request).await?;
    let after = before.changed(permissions.unwrap_or(before.permissions), status.unwrap_or(before.status));
    if !may_change_member(principal, &before, &after) {
        return Err(Error::forbidden(Forbidden::ExceedsCaller));
    }
    if after != before {
        app.store.change_member(&before, &after, principal, &request.occasion(app)).await?;
    }
    Ok(http::json(StatusCode::OK, &MemberView::from(after)))
}
