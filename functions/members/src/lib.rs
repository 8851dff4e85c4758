//! `/v1/members`: manages the members of an account.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use shared::{
    authorization::{
        delegation::{may_change_member, may_end_sessions, may_manage_member},
        denial::Forbidden,
        principal::Principal,
    },
    error::Error,
    http::{
        self, Event, PAGING, Request, Response, StatusCode, examples,
        new_invitation::{InvitedMemberView, NewInvitation, invited_member},
        openapi::{Body, Credentials, Operation, Success, Tag, schema_of},
        views::{MemberView, PageView, SessionView},
    },
    model::member::Member,
    primitives::{
        email::EmailAddress, id::UserId, pagination::List, permission::Permissions, timestamp::Timestamp,
    },
    runtime::{app::App, function::Function, lookup, new_admin::report_new_admin},
};

const TOO_MANY_MAILS: (u16, &str) = (
    429,
    "The API key exceeded its rate limit, the service has mailed 300 invitations of this account in this hour, or it received too many requests.",
);

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
        name: "inviteMember",
        summary: "Invite a member",
        description: "Creates a member with the status `invited`. Whoever has the invitation's token chooses the member's password, so nobody but the member ever knows it. Requires `admin` over the whole account. The caller can only grant permissions that it holds itself, and an API key cannot grant `admin`.",
        credentials: Credentials::KeyOrSession,
        id: None,
        parameters: &[],
        body: Some(Body {
            schema: schema_of::<NewMember>,
            example: || json!({"email": "grace@example.com", "permissions": ["read"]}),
            optional: false,
        }),
        success: Success {
            status: 201,
            description: "The member and the invitation.",
            body: Some((schema_of::<InvitedMemberView>, invited_member)),
        },
        errors: &[
            (403, "The caller may not invite members, or lacks a permission that the member would get."),
            (
                409,
                "The address already belongs to a member of this account, or the caller's credential became invalid during the request.",
            ),
            TOO_MANY_MAILS,
        ],
    },
    Operation {
        route: "POST /v1/members/{user_id}/invite",
        function: env!("CARGO_PKG_NAME"),
        tag: Tag::Members,
        name: "inviteMemberAgain",
        summary: "Invite a member again",
        description: "Makes a new invitation for a member with the status `invited`, and ends the previous one. Requires `admin` over the whole account, and all permissions of the member. An API key cannot invite a member with `admin`.",
        credentials: Credentials::KeyOrSession,
        id: Some(schema_of::<UserId>),
        parameters: &[],
        body: None,
        success: Success {
            status: 200,
            description: "The member and the new invitation.",
            body: Some((schema_of::<InvitedMemberView>, invited_member)),
        },
        errors: &[
            (403, "The caller may not invite members, or lacks a permission of the member."),
            (409, "The member is not `invited`, or a concurrent request changed the member first."),
            TOO_MANY_MAILS,
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
        description: "Changes the permissions or the status of a member. The change applies from the member's next request, also in existing sessions. Suspending a member ends all of their sessions permanently. The invitation of a member ends when they are suspended or gain a permission: invite them again. Requires `admin` over the whole account. The caller can only grant permissions that it holds itself. To take a permission from a member or to suspend them, the caller must hold all permissions of the member. An API key cannot change a member who has or would get `admin`. An account always keeps at least one active member with all four permissions.",
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
                "The caller may not update members, lacks a permission that the member would gain, or would take something from a member who has a permission that the caller lacks. A suspended member who becomes active again gains all of their permissions.",
            ),
            (
                409,
                "The account would have no active member with all four permissions, or with `admin`, or a concurrent request changed the member first.",
            ),
        ],
    },
    Operation {
        route: "DELETE /v1/members/{user_id}",
        function: env!("CARGO_PKG_NAME"),
        tag: Tag::Members,
        name: "removeMember",
        summary: "Remove a member",
        description: "Removes a member and ends all of their sessions. API keys that the member created stay valid. Requires `admin` over the whole account, and all permissions of the member. An API key cannot remove a member with `admin`. An account always keeps at least one active member with all four permissions.",
        credentials: Credentials::KeyOrSession,
        id: Some(schema_of::<UserId>),
        parameters: &[],
        body: None,
        success: Success::NO_CONTENT,
        errors: &[
            (403, "The caller may not remove members, or lacks a permission of the member."),
            (
                409,
                "The account would have no active member with all four permissions, or with `admin`, or a concurrent request changed the member first.",
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
        ("POST", "/v1/members") => invite(&app, &principal, &request).await,
        ("POST", "/v1/members/{user_id}/invite") => invite_again(&app, &principal, &request).await,
        ("GET", "/v1/members/{user_id}") => {
            let member = load_member(&app, &principal, &request).await?;
            Ok(http::json(StatusCode::OK, &MemberView::from(member)))
        }
        ("PATCH", "/v1/members/{user_id}") => change(&app, &principal, &request).await,
        ("DELETE", "/v1/members/{user_id}") => {
            let member = load_member(&app, &principal, &request).await?;
            if !may_manage_member(&principal, member.permissions) {
                return Err(Error::forbidden(Forbidden::ExceedsCaller));
            }
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
    /// The address of the member. It must not belong to another member of the account. An address belongs to a member once they accept the
    /// invitation.
    email: EmailAddress,
    /// What the member may do. The caller must hold all of these permissions.
    permissions: Permissions,
}

async fn invite(app: &App, principal: &Principal, request: &Request) -> Result<Response, Error> {
    let NewMember { email, permissions } = request.body()?;
    if !may_manage_member(principal, permissions) {
        return Err(Error::forbidden(Forbidden::ExceedsCaller));
    }
    let account = lookup::own_account(app, principal).await?;
    let audit_context = request.audit_context(app);
    let id = UserId::new(&app.clock, &app.random);
    let member = Member::invited(id, principal.account_id(), email, permissions, audit_context.at);
    let invited = NewInvitation::new(app, member, &account, audit_context.at).await?;
    count_mail(app, principal, audit_context.at).await?;
    app.store.invite_member(&invited.member, principal, &audit_context).await?;
    Ok(http::json(StatusCode::CREATED, &invited.deliver_with_member(app).await))
}

async fn invite_again(app: &App, principal: &Principal, request: &Request) -> Result<Response, Error> {
    let user_id = request.path_id("user_id")?;
    let loaded = app.store.member_and_account(principal.account_id(), user_id).await?;
    let (before, account) = loaded.ok_or_else(Error::not_found)?;
    if !may_manage_member(principal, before.permissions) {
        return Err(Error::forbidden(Forbidden::ExceedsCaller));
    }
    let audit_context = request.audit_context(app);
    let invited = NewInvitation::again(app, &before, &account, audit_context.at).await?;
    count_mail(app, principal, audit_context.at).await?;
    app.store.invite_member_again(&before, &invited.member, principal, &audit_context).await?;
    Ok(http::json(StatusCode::OK, &invited.deliver_with_member(app).await))
}

/// Counts the mail of an invitation, if the service sends mails.
async fn count_mail(app: &App, principal: &Principal, now: Timestamp) -> Result<(), Error> {
    if app.sends_mail() {
        app.store.count_mailed_invitation(principal.account_id(), now).await?;
    }
    Ok(())
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MemberPatch {
    /// What the member may do. If left out or null, it doesn't change.
    permissions: Option<Permissions>,
    /// Whether the member may log in. If left out or null, it doesn't change. If a member who has not accepted the invitation yet is
    /// suspended, the invitation ends. With `active`, such a member is `invited` again, and needs another invitation.
    status: Option<NewStatus>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum NewStatus {
    /// The member may log in.
    Active,
    /// The member can't log in, and their sessions and their invitation end.
    Suspended,
}

async fn change(app: &App, principal: &Principal, request: &Request) -> Result<Response, Error> {
    let MemberPatch { permissions, status } = request.body()?;
    let before = load_member(app, principal, request).await?;
    let suspended = status.map_or(before.is_suspended(), |status| status == NewStatus::Suspended);
    let after = before.changed(permissions.unwrap_or(before.permissions), suspended);
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
