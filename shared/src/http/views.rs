//! The JSON representations of stored entities in responses.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    model::{
        account_policy::AccountPolicy,
        api_key::{ApiKey, KeyStatus},
        audit_event::{Action, Actor, AuditEvent},
        creator::Creator,
        member::{Member, MemberStatus},
        passkey::Passkey,
        project::Project,
        session::Session,
    },
    primitives::{
        allowed_ips::Networks,
        email::EmailAddress,
        environment::Environment,
        id::{EventId, KeyId, PasskeyId, SessionId, UserId},
        name::Name,
        pagination::{List, Page},
        permission::Permissions,
        project_id::ProjectId,
        scope::ProjectScope,
        timestamp::Timestamp,
    },
};

/// An API key without its secret.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ApiKey")]
pub struct ApiKeyView {
    /// The id of the key.
    id: KeyId,
    /// The name of the key.
    name: Name,
    /// Whether the key accesses live or test data.
    #[serde(rename = "type")]
    environment: Environment,
    /// What the key may do, in the order `read`, `write`, `delete`, `admin`.
    permissions: Permissions,
    /// The projects that the key can access, or null if it can access all projects.
    scope: Option<ProjectScope>,
    /// The IP addresses and networks from which the key can be used, or null if it can be used from every address.
    allowed_ips: Option<Networks>,
    /// The first and the last characters of the current secret, to tell keys apart.
    hint: String,
    /// Whether the key can be used.
    status: KeyStatus,
    /// When the key was created.
    created_at: Timestamp,
    /// The member or the API key that created the key, or null for older keys.
    created_by: Option<Creator>,
    /// When the key expires, or null if it never expires.
    expires_at: Option<Timestamp>,
    /// When the key was last used, or null if it was never used. This can lag by up to a minute.
    last_used_at: Option<Timestamp>,
    /// The IP address of the use at `last_used_at`, or null if it is unknown.
    last_used_ip: Option<IpAddr>,
    /// The secret that the last rotation replaced, while it is valid. Null if there is none.
    previous_secret: Option<PreviousSecretView>,
}

/// A secret that a rotation replaced and that is still valid.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PreviousSecret")]
struct PreviousSecretView {
    /// When the secret becomes invalid.
    expires_at: Timestamp,
    /// When the secret was last used since the rotation, or null if no such use was seen. A use is recorded with a delay, and
    /// a few uses are never recorded, so this does not prove that no program uses the secret any more.
    last_used_at: Option<Timestamp>,
}

/// An API key with its secret.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "{R}WithSecret")]
pub struct WithSecret<'a, R> {
    /// The other fields of the response.
    #[serde(flatten)]
    pub record: R,
    /// The secret of the key. Send it as `Authorization: Bearer …`. It is shown only once: a replayed response omits it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub key: Option<&'a str>,
}

impl ApiKeyView {
    /// Returns the view of `key`, with its status at the time `now`. `policy` is the account's.
    #[must_use]
    pub fn new(key: ApiKey, policy: &AccountPolicy, now: Timestamp) -> Self {
        let previous_secret = key.previous_secret(now).map(|previous| PreviousSecretView {
            expires_at: previous.ends_at,
            last_used_at: previous.last_used_at,
        });
        Self {
            status: key.status(policy, now),
            previous_secret,
            scope: (&key.scope).into(),
            allowed_ips: key.allowed_ips.into(),
            id: key.id,
            name: key.name,
            environment: key.environment,
            permissions: key.permissions,
            hint: key.hint,
            created_at: key.created_at,
            created_by: key.created_by,
            expires_at: key.expires_at,
            last_used_at: key.last_used_at,
            last_used_ip: key.last_used_ip,
        }
    }
}

/// A person who belongs to the account.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Member")]
pub struct MemberView {
    /// The id of the member.
    id: UserId,
    /// The address that the member logs in with, in lower case.
    email: EmailAddress,
    /// What the member may do, in the order `read`, `write`, `delete`, `admin`.
    permissions: Permissions,
    /// Whether the member may log in.
    status: MemberStatus,
    /// When the member was created.
    created_at: Timestamp,
}

impl From<Member> for MemberView {
    fn from(member: Member) -> Self {
        let Member { id, email, permissions, status, created_at, .. } = member;
        Self { id, email, permissions, status, created_at }
    }
}

/// An event of an account's audit trail.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AuditEvent")]
pub struct AuditEventView {
    /// The id of the event.
    id: EventId,
    /// When the event happened.
    created_at: Timestamp,
    /// Who caused the event, or null for a failed login and for a reported credential.
    actor: Option<Actor>,
    /// What happened.
    #[serde(flatten)]
    action: Action,
    /// The id of the request that caused the event. The logs contain the same id.
    request_id: String,
    /// The IP address that the request came from, or null if it is unknown or was deleted.
    source_ip: Option<String>,
    /// The Amazon Cognito identity of the operator. It is missing if the actor is not the operator or the identity is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    operator_identity: Option<String>,
}

impl From<AuditEvent> for AuditEventView {
    fn from(event: AuditEvent) -> Self {
        let AuditEvent { id, created_at, actor, action, request_id, source_ip, operator_identity } = event;
        Self { id, created_at, actor, action, request_id, source_ip, operator_identity }
    }
}

/// A session of a member.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Session")]
pub struct SessionView {
    /// The id of the session. It is not a credential.
    id: SessionId,
    /// When the member logged in.
    created_at: Timestamp,
    /// When the session was last used, or null if it was not used after the login. This can lag by up to a minute.
    last_used_at: Option<Timestamp>,
    /// When the session expires. It ends earlier if it is not used for an hour.
    expires_at: Timestamp,
    /// The `User-Agent` header of the login, or null if there was none.
    user_agent: Option<String>,
    /// The IP address of the login, or null if it is unknown.
    ip_address: Option<IpAddr>,
    /// Whether this request was sent with this session.
    current: bool,
}

impl SessionView {
    /// Returns the view of `session`, for a caller with the session `current`, or for a key if that is `None`.
    #[must_use]
    pub fn new(session: Session, current: Option<SessionId>) -> Self {
        let Session { id, created_at, last_used_at, expires_at, user_agent, ip_address, .. } = session;
        let current = Some(id) == current;
        Self { id, created_at, last_used_at, expires_at, user_agent, ip_address, current }
    }
}

/// A passkey of a member.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Passkey")]
pub struct PasskeyView {
    /// The id of the passkey.
    id: PasskeyId,
    /// The name of the passkey.
    name: Name,
    /// When the passkey was added.
    created_at: Timestamp,
    /// When the passkey was last used to authenticate, or null if it was never used.
    last_used_at: Option<Timestamp>,
}

impl From<Passkey> for PasskeyView {
    fn from(passkey: Passkey) -> Self {
        let Passkey { id, name, created_at, last_used_at, .. } = passkey;
        Self { id, name, created_at, last_used_at }
    }
}

/// A project: the resource that credentials give access to in this service.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Project")]
pub struct ProjectView {
    /// The id of the project.
    id: ProjectId,
    /// The name of the project.
    name: Name,
    /// When the project was created.
    created_at: Timestamp,
}

impl From<Project> for ProjectView {
    fn from(project: Project) -> Self {
        let Project { id, name, created_at } = project;
        Self { id, name, created_at }
    }
}

/// A page of a list, newest first.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{T}Page")]
pub struct PageView<T> {
    /// The items of this page.
    pub data: Vec<T>,
    /// The `cursor` for the next page, or null if this is the last page.
    pub next_cursor: Option<String>,
}

impl<T> PageView<T> {
    /// Returns the view of a page of `list`. `view` converts each entity.
    #[must_use]
    pub fn new<U>(page: Page<U>, list: &List, view: impl FnMut(U) -> T) -> Self {
        let next_cursor = page.next.map(|id| list.cursor_after(&id));
        Self { data: page.entities.into_iter().map(view).collect(), next_cursor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{
            account_policy::tests::idle_after,
            api_key::{DisabledBy, KeyState, tests::api_key},
            session::tests::session,
        },
        primitives::timestamp::tests::timestamp,
    };

    #[test]
    fn api_key_view_has_the_status_at_the_given_time() {
        const WEEK: i64 = 7 * 86_400;
        let expiring = ApiKey { expires_at: Some(timestamp(10)), ..api_key() };
        let disabled_only = ApiKey { disabled_by: Some(DisabledBy::Other), ..api_key() };
        let disabled = ApiKey { disabled_by: Some(DisabledBy::Other), ..expiring.clone() };
        let revoked = ApiKey { state: KeyState::Revoked, ..disabled.clone() };
        let used = ApiKey { last_used_at: Some(timestamp(5)), ..api_key() };
        for (key, now, status) in [
            (api_key(), 9, "active"),
            (api_key(), WEEK, "idle"),
            (used.clone(), WEEK, "active"),
            (used, WEEK + 5, "idle"),
            (expiring.clone(), 9, "active"),
            (expiring, 10, "expired"),
            (disabled.clone(), 9, "disabled"),
            (disabled, WEEK, "expired"),
            (disabled_only, WEEK, "disabled"),
            (revoked, WEEK, "revoked"),
        ] {
            let view = ApiKeyView::new(key, &idle_after(7, 0), timestamp(now));
            let view = serde_json::to_value(view).unwrap();
            assert_eq!(view["status"], status);
        }
    }

    #[test]
    fn session_view_marks_only_the_callers_session_as_current() {
        let session = session(None);
        assert!(SessionView::new(session.clone(), Some(session.id)).current);
        assert!(!SessionView::new(session.clone(), None).current);
        let other = "sid_0000000000000002".parse().unwrap();
        assert!(!SessionView::new(session, Some(other)).current);
    }
}
