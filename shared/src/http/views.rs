//! What the API shows of the records in the table: one JSON view for each.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    model::{
        api_key::ApiKey,
        member::{Member, MemberStatus},
        session::Session,
    },
    primitives::{
        email::EmailAddress,
        environment::Environment,
        id::{KeyId, SessionId, UserId},
        name::Name,
        pagination::{List, Page},
        permission::Permissions,
        scope::ProjectScope,
        timestamp::Timestamp,
    },
};

/// An API key, without its secret.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ApiKey")]
pub struct ApiKeyView {
    /// Its id.
    id: KeyId,
    /// What people call it.
    name: Name,
    /// Which data it sees.
    #[serde(rename = "type")]
    environment: Environment,
    /// What it may do, in the order `read`, `write`, `delete`, `admin`.
    permissions: Permissions,
    /// The projects that it reaches, or null: every project.
    scope: Option<ProjectScope>,
    /// The beginning and the end of its newest secret, by which people tell keys apart.
    hint: String,
    /// Whether it can be used.
    status: Status,
    /// When it was made.
    created_at: Timestamp,
    /// From when on it is not let in any more, or null: never.
    expires_at: Option<Timestamp>,
    /// When it was used last, or null: never. It may be a minute behind.
    last_used_at: Option<Timestamp>,
}

/// An API key that has a new secret.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "{R}WithSecret")]
pub struct WithSecret<'a, R> {
    /// What is answered besides.
    #[serde(flatten)]
    pub record: R,
    /// The key itself, to be sent as `Authorization: Bearer …`. It is shown this once, and missing in an answer that was
    /// given before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub key: Option<&'a str>,
}

/// Whether a key can be used.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "KeyStatus")]
enum Status {
    /// It can.
    Active,
    /// It can't: its `expires_at` has passed.
    Expired,
    /// It can't, and never can again.
    Revoked,
}

impl ApiKeyView {
    /// `key`, seen at `now`.
    #[must_use]
    pub fn new(key: ApiKey, now: Timestamp) -> Self {
        let status = if key.is_revoked() {
            Status::Revoked
        } else if key.has_expired(now) {
            Status::Expired
        } else {
            Status::Active
        };
        Self {
            status,
            scope: (&key.scope).into(),
            id: key.id,
            name: key.name,
            environment: key.environment,
            permissions: key.permissions,
            hint: key.hint,
            created_at: key.created_at,
            expires_at: key.expires_at,
            last_used_at: key.last_used_at,
        }
    }
}

/// A person who may log in.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Member")]
pub struct MemberView {
    /// Their id.
    id: UserId,
    /// The address they log in with, in lower case.
    email: EmailAddress,
    /// What they may do, in the order `read`, `write`, `delete`, `admin`.
    permissions: Permissions,
    /// Whether they may log in.
    status: MemberStatus,
    /// When they were made a member.
    created_at: Timestamp,
}

impl From<Member> for MemberView {
    fn from(member: Member) -> Self {
        let Member { id, email, permissions, status, created_at, .. } = member;
        Self { id, email, permissions, status, created_at }
    }
}

/// A session of the member who asks.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Session")]
pub struct SessionView {
    /// Its id, which opens nothing.
    id: SessionId,
    /// When the login was.
    created_at: Timestamp,
    /// When it was used last, or null: never since the login. It may be a minute behind.
    last_used_at: Option<Timestamp>,
    /// When it ends, if it is not left unused for an hour before.
    expires_at: Timestamp,
    /// What the browser called itself at the login, or null.
    user_agent: Option<String>,
    /// Whether it is the one that asks.
    current: bool,
}

impl SessionView {
    /// `session`, seen from the session `current`.
    #[must_use]
    pub fn new(session: Session, current: SessionId) -> Self {
        let Session { id, created_at, last_used_at, expires_at, user_agent, .. } = session;
        Self { id, created_at, last_used_at, expires_at, user_agent, current: id == current }
    }
}

/// A page of a list, newest first.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{T}Page")]
pub struct PageView<T> {
    /// What is on it.
    pub data: Vec<T>,
    /// Where the next one begins, or null where this is the last.
    pub next_cursor: Option<String>,
}

impl<T> PageView<T> {
    /// The page of `list` that `page` holds, with what `show` makes of each thing.
    #[must_use]
    pub fn new<U>(page: Page<U>, list: &List, show: impl FnMut(U) -> T) -> Self {
        let next_cursor = page.next.map(|id| list.cursor_behind(&id));
        Self { data: page.entities.into_iter().map(show).collect(), next_cursor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{
            api_key::{State, tests::api_key},
            session::tests::session,
        },
        primitives::timestamp::tests::timestamp,
    };

    #[test]
    fn a_view_says_whether_the_key_can_be_used() {
        let expiring = ApiKey { expires_at: Some(timestamp(10)), ..api_key() };
        let revoked = ApiKey { state: State::Revoked, ..expiring.clone() };
        for (key, now, status) in [
            (api_key(), 1_000, "active"),
            (expiring.clone(), 9, "active"),
            (expiring, 10, "expired"),
            (revoked, 10, "revoked"),
        ] {
            let view = serde_json::to_value(ApiKeyView::new(key, timestamp(now))).unwrap();
            assert_eq!(view["status"], status);
        }
    }

    #[test]
    fn session_view_marks_only_the_callers_session_as_current() {
        let session = session(None);
        assert!(SessionView::new(session.clone(), session.id).current);
        assert!(!SessionView::new(session, "sid_0000000000000002".parse().unwrap()).current);
    }
}
