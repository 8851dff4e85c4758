//! `/v1/members`: manages the members of an account.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use shared::{
    authorization::{
        delegation::{may_change_member, may_end_sessions, may_grant},
        denial::Forbidden,
        principal::Principal,
    },
    credentials::{password::NewPassword, password_rules::PasswordContext},
    error::Error,
    http::{
        self, Event, PAGING, Request, Response, StatusCode, examples,
        openapi::{Body, Credentials, Operation, Success, Tag, schema_of},
        views::{MemberView, PageView, SessionView},
    },
    model::{
        audit_event::AuditContext,
        mail::{Mail, Message, Recipients},
        member::{Member, MemberStatus},
        restrictions::Restrictions,
    },
    primitives::{email::EmailAddress, id::UserId, pagination::List, permission::Permissions},
    runtime::{app::App, function::Function, lookup, password_workers},
};

pub const OPERATIONS: &[Operation] = &[
    Operation {
        route: "GET /v1/members",
        function: env!("CARGO_PKG_NAME"),
        tag: Tag::Members,
        name: "listMembers",
        summary: "List members",
        description: "Returns the members of the account, newest first. Requires `admin` over the whole account.",
        credentials: Credentials::KeyOrSession,
        id: None,
        parameters: &PAGING,
        body: None,
        success: Success {
            status: 200,
            description: "A page of members.",
            body: Some((schema_of::<PageView<MemberView>>, || examples::page(&examples::member()))),
        },
        errors: &[],
    },
    Operation {
        route: "POST /v1/members",
        function: env!("CARGO_PKG_NAME"),
        tag: Tag::Members,
        name: "createMember",
        summary: "Create a member",
        description: "Creates a member who logs in with an email address and a password. Requires `admin` over the whole account. The caller can only grant permissions that it holds itself.",
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
            (403, "The caller may not create members, or lacks a permission that the member would get."),
            (
                409,
                "The address already belongs to a member of this or another account, or the caller's credential became invalid during the request.",
            ),
        ],
    },
    Operation {
        route: "GET /v1/members/{user_id}",
        function: env!("CARGO_PKG_NAME"),
        tag: Tag::Members,
        name: "getMember",
        summary: "Get a member",
        description: "Returns a member. Requires `admin` over the whole account.",
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
        summary: "Update a member",
        description: "Changes the permissions or the status of a member. The change applies from the member's next request, also in existing sessions. Suspending a member ends all of their sessions permanently. Requires `admin` over the whole account. The caller can only grant permissions that it holds itself. An account always keeps at least one active member with `admin`.",
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
                "The caller may not update members, or lacks a permission that the member would gain. A suspended member who becomes active again gains all of their permissions.",
            ),
            (
                409,
                "The account would have no active member with `admin`, or a concurrent request changed the member first.",
            ),
        ],
    },
    Operation {
        route: "DELETE /v1/members/{user_id}",
        function: env!("CARGO_PKG_NAME"),
        tag: Tag::Members,
        name: "removeMember",
        summary: "Remove a member",
        description: "Removes a member and ends all of their sessions. API keys that the member created stay valid. Requires `admin` over the whole account. An account always keeps at least one active member with `admin`.",
        credentials: Credentials::KeyOrSession,
        id: Some(schema_of::<UserId>),
        parameters: &[],
        body: None,
        success: Success::NO_CONTENT,
        errors: &[
            (403, "The caller may not remove members."),
            (
                409,
                "The account would have no active member with `admin`, or a concurrent request changed the member first.",
            ),
        ],
    },
    Operation {
        route: "GET /v1/members/{user_id}/sessions",
        function: env!("CARGO_PKG_NAME"),
        tag: Tag::Members,
        name: "listMemberSessions",
        summary: "List a member's sessions",
        description: "Returns the active sessions of a member, newest first. Requires `admin` over the whole account.",
        credentials: Credentials::KeyOrSession,
        id: Some(schema_of::<UserId>),
        parameters: &PAGING,
        body: None,
        success: Success {
            status: 200,
            description: "A page of sessions.",
            body: Some((schema_of::<PageView<SessionView>>, || {
                examples::page(&examples::with(examples::session(), json!({"current": false})))
            })),
        },
        errors: &[],
    },
    Operation {
        route: "DELETE /v1/members/{user_id}/sessions",
        function: env!("CARGO_PKG_NAME"),
        tag: Tag::Members,
        name: "endMemberSessions",
        summary: "End a member's sessions",
        description: "Ends all sessions of a member, including those of logins in progress. If the member is the caller, this includes the session that the request is sent with. The member can log in again; suspend the member to prevent that. Requires `admin` over the whole account. An API key cannot end the sessions of a member with `admin`.",
        credentials: Credentials::KeyOrSession,
        id: Some(schema_of::<UserId>),
        parameters: &[],
        body: None,
        success: Success::NO_CONTENT,
        errors: &[
            (403, "The caller may not end sessions of members, or is an API key and the member has `admin`."),
            (
                409,
                "A concurrent request changed the member first, or the caller's credential became invalid during the request.",
            ),
        ],
    },
];

pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, OPERATIONS, handle)
}

async fn handle(app: Arc<App>, principal: Principal, request: Request) -> Result<Response, Error> {
    match (request.method(), request.route()) {
        ("GET", "/v1/members") => list(&app, &principal, &request).await,
        ("POST", "/v1/members") => create(&app, &principal, &request).await,
        ("GET", "/v1/members/{user_id}") => {
            let member = load_member(&app, &principal, &request).await?;
            Ok(http::json(StatusCode::OK, &MemberView::from(member)))
        }
        ("PATCH", "/v1/members/{user_id}") => change(&app, &principal, &request).await,
        ("DELETE", "/v1/members/{user_id}") => {
            let member = load_member(&app, &principal, &request).await?;
            app.store.remove_member(&member, &principal, &request.audit_context(&app)).await?;
            Ok(http::no_content())
        }
        ("GET", "/v1/members/{user_id}/sessions") => list_sessions(&app, &principal, &request).await,
        ("DELETE", "/v1/members/{user_id}/sessions") => {
            let member = load_member(&app, &principal, &request).await?;
            if !may_end_sessions(&principal, &member) {
                return Err(Error::forbidden(Forbidden::ExceedsCaller));
            }
            app.store.end_member_sessions(&member, &principal, &request.audit_context(&app)).await?;
            Ok(http::no_content())
        }
        _ => Err(Error::not_found()),
    }
}

/// Loads the member whose id is in the path.
async fn load_member(app: &App, principal: &Principal, request: &Request) -> Result<Member, Error> {
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
    /// The address that the member logs in with. It must not belong to another member of any account.
    email: EmailAddress,
    /// What the member may do. The caller must hold all of these permissions.
    permissions: Permissions,
    password: NewPassword,
}

async fn create(app: &App, principal: &Principal, request: &Request) -> Result<Response, Error> {
    let NewMember { email, permissions, password } = request.body()?;
    // First, because a weak password gets 400 even if the request also exceeds the caller.
    let account = lookup::own_account(app, principal).await?;
    let context = PasswordContext::new(email.clone(), account.name);
    let peppers = app.peppers().await?;
    let hash = password_workers::hash(password, None, context, "password", peppers, &app.random).await?;
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
        restrictions: Restrictions::NONE,
    };
    let audit_context = request.audit_context(app);
    app.store.create_member(&member, &hash, principal, &audit_context).await?;
    report_new_admin(app, None, &member, &audit_context).await;
    Ok(http::json(StatusCode::CREATED, &MemberView::from(member)))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MemberPatch {
    /// What the member may do. If left out or null, it doesn't change.
    permissions: Option<Permissions>,
    /// Whether the member may log in. If left out or null, it doesn't change.
    status: Option<MemberStatus>,
}

async fn change(app: &App, principal: &Principal, request: &Request) -> Result<Response, Error> {
    let MemberPatch { permissions, status } = request.body()?;
    let before = load_member(app, principal, request).await?;
    let after = before.changed(permissions.unwrap_or(before.permissions), status.unwrap_or(before.status));
    if !may_change_member(principal, &before, &after) {
        return Err(Error::forbidden(Forbidden::ExceedsCaller));
    }
    if after != before {
        let audit_context = request.audit_context(app);
        app.store.change_member(&before, &after, principal, &audit_context).await?;
        report_new_admin(app, Some(&before), &after, &audit_context).await;
    }
    Ok(http::json(StatusCode::OK, &MemberView::from(after)))
}

/// Tells the account's admins if the change of a member from `before` to `after` adds an admin.
async fn report_new_admin(app: &App, before: Option<&Member>, after: &Member, audit_context: &AuditContext) {
    if !after.is_active_admin() || before.is_some_and(Member::is_active_admin) {
        return;
    }
    let message = Message::AdminAdded { user_id: after.id, context: audit_context.into() };
    app.send_mail(&Mail { account_id: after.account_id, to: Recipients::Admins, message }).await;
}

async fn list_sessions(app: &App, principal: &Principal, request: &Request) -> Result<Response, Error> {
    let user_id = request.path_id("user_id")?;
    let list = List::new(format_args!("members/{user_id}/sessions"), principal.account_id());
    let paging = request.paging(&list)?;
    let loaded = app.store.member_and_account(principal.account_id(), user_id).await?;
    let (member, account) = loaded.ok_or_else(Error::not_found)?;
    let now = app.clock.now();
    let sessions = app
        .store
        .sessions(member.account_id, member.id, &paging, |session| {
            member.is_active()
                && session.started_in_epochs(member.session_epoch, account.session_epoch)
                && !session.has_expired(now)
        })
        .await?;
    let current = principal.session().ok().map(|caller| caller.session_id);
    let page = PageView::new(sessions, &list, |session| SessionView::new(session, current));
    Ok(http::json(StatusCode::OK, &page))
}
