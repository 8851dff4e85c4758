//! `/v1/members`: the people of an account.
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use shared::{
    authorization::{
        delegation::{may_change_member, may_grant},
        denial::Forbidden,
        principal::Principal,
    },
    credentials::password::NewPassword,
    error::Error,
    http::{
        self, Event, PAGING, Request, Response, StatusCode, examples,
        openapi::{Body, Credentials, Operation, Success, Tag, schema_of},
        views::{MemberView, PageView},
    },
    model::member::{Member, MemberStatus},
    primitives::{email::EmailAddress, id::UserId, pagination::List, permission::Permissions},
    runtime::{app::App, function::Function},
};

pub const OPERATIONS: &[Operation] = &[
    Operation {
        route: "GET /v1/members",
        function: env!("CARGO_PKG_NAME"),
        tag: Tag::Members,
        name: "listMembers",
        summary: "List the members",
        description: "Newest first. Members, like the audit trail, ask for `admin` over the whole account: a live key without a scope, or a session.",
        credentials: Credentials::KeyOrSession,
        id: None,
        parameters: &PAGING,
        body: None,
        success: Success {
            status: 200,
            description: "A page of members.",
            body: Some((schema_of::<PageView<MemberView>>, || examples::page(examples::member()))),
        },
        errors: &[],
    },
    Operation {
        route: "POST /v1/members",
        function: env!("CARGO_PKG_NAME"),
        tag: Tag::Members,
        name: "createMember",
        summary: "Make a member",
        description: "Nobody grants what they lack: 403 otherwise.",
        credentials: Credentials::KeyOrSession,
        id: None,
        parameters: &[],
        body: Some(Body {
            schema: schema_of::<NewMember>,
            example: || json!({"email": "grace@example.com", "permissions": ["read"], "password": examples::PASSWORD}),
            optional: false,
        }),
        success: Success {
            status: 201,
            description: "The member.",
            body: Some((schema_of::<MemberView>, || {
                examples::with(examples::member(), json!({"email": "grace@example.com"}))
            })),
        },
        errors: &[
            (403, "The caller may not make members, or lacks a permission that the member would have."),
            (
                409,
                "The address belongs to a member already, of this account or another, or the caller's credential ended meanwhile.",
            ),
        ],
    },
    Operation {
        route: "GET /v1/members/{user_id}",
        function: env!("CARGO_PKG_NAME"),
        tag: Tag::Members,
        name: "getMember",
        summary: "Show a member",
        description: "With `admin` over the whole account.",
        credentials: Credentials::KeyOrSession,
        id: Some(schema_of::<UserId>),
        parameters: &[],
        body: None,
        success: Success {
            status: 200,
            description: "The member.",
            body: Some((schema_of::<MemberView>, examples::member)),
        },
        errors: &[],
    },
    Operation {
        route: "PATCH /v1/members/{user_id}",
        function: env!("CARGO_PKG_NAME"),
        tag: Tag::Members,
        name: "changeMember",
        summary: "Change a member",
        description: "What is changed counts from the next request on, in sessions that stand too. Nobody grants what they lack: 403 otherwise. An account keeps at least one active member with `admin`: 409 otherwise.",
        credentials: Credentials::KeyOrSession,
        id: Some(schema_of::<UserId>),
        parameters: &[],
        body: Some(Body {
            schema: schema_of::<MemberPatch>,
            example: || json!({"permissions": ["read"], "status": "suspended"}),
            optional: false,
        }),
        success: Success {
            status: 200,
            description: "The member.",
            body: Some((schema_of::<MemberView>, || {
                examples::with(examples::member(), json!({"status": "suspended"}))
            })),
        },
        errors: &[
            (
                403,
                "The caller may not change members, or lacks a permission that the member would gain. One who was suspended gains all of theirs.",
            ),
            (409, "No active member with `admin` would be left, or another change came first."),
        ],
    },
    Operation {
        route: "DELETE /v1/members/{user_id}",
        function: env!("CARGO_PKG_NAME"),
        tag: Tag::Members,
        name: "removeMember",
        summary: "Remove a member",
        description: "Their sessions end. Keys that they made stay. An account keeps at least one active member with `admin`: 409 otherwise.",
        credentials: Credentials::KeyOrSession,
        id: Some(schema_of::<UserId>),
        parameters: &[],
        body: None,
        success: Success::NO_CONTENT,
        errors: &[
            (403, "The caller may not remove members."),
            (409, "No active member with `admin` would be left, or another change came first."),
        ],
    },
];

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
            app.store.remove_member(&member, &principal, &request.audit_context(&app)).await?;
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
    let page = PageView::new(members, &list, MemberView::from);
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
    let hash = password
        .hash(app.peppers().await?, &app.random)
        .await
        .map_err(|cause| Error::password_not_hashed("password", cause))?;
    app.store.create_member(&member, &hash, principal, &request.audit_context(app)).await?;
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
        app.store.change_member(&before, &after, principal, &request.audit_context(app)).await?;
    }
    Ok(http::json(StatusCode::OK, &MemberView::from(after)))
}
