//! The audit trail: each change in an account, with its actor, its time and its request.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    model::{account::KeyLimits, account_policy::PolicySettings, member::MemberStatus},
    primitives::{
        allowed_ips::Networks,
        clock::Clock,
        email::EmailAddress,
        environment::Environment,
        factor::Factor,
        id::{EventId, KeyId, PasskeyId, SessionId, UserId},
        name::Name,
        period::Days,
        permission::Permissions,
        project_id::ProjectId,
        quota::Quotas,
        random::Random,
        scope::ProjectScope,
        timestamp::Timestamp,
    },
};

/// How long the IP address of an event is stored.
pub type PersonalDataRetention = Days<1, 3_650>;

/// An event of an account's audit trail. It never changes, except that addresses can be erased.
///
/// The email and IP addresses of an event are stored apart from it, so that they can be erased while the event stays. A stored event
/// contains them only if an earlier version of the service stored it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuditEvent {
    pub id: EventId,
    pub created_at: Timestamp,
    /// None for a failed login, for the reset of a password, and if somebody reported a credential as leaked.
    pub actor: Option<Actor>,
    #[serde(flatten)]
    pub action: Action,
    pub request_id: String,
    /// None if the IP address is unknown or was deleted.
    pub source_ip: Option<String>,
    /// The Amazon Cognito identity of the operator. None if the actor is not the operator, or if Lambda does not name the identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator_identity: Option<String>,
}

/// Who caused an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Actor {
    /// An API key.
    ApiKey {
        /// The id of the key.
        key_id: KeyId,
    },
    /// A member with a session.
    Session {
        /// The id of the member.
        user_id: UserId,
        /// The id of the session.
        session_id: SessionId,
    },
    /// The operator of the service.
    Operator,
}

/// What happened.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
pub enum Action {
    /// The account and its first member were created.
    #[serde(rename = "account.created")]
    AccountCreated {
        name: Name,
        user_id: UserId,
        /// The address of the member. Null if it was erased after the member was removed.
        email: Option<EmailAddress>,
    },
    /// The account was suspended. Its sessions have ended, and its API keys are rejected.
    #[serde(rename = "account.suspended")]
    AccountSuspended,
    /// The account was restored. Its API keys are accepted again, and its members can log in.
    #[serde(rename = "account.restored")]
    AccountRestored,
    /// The limits of the account were changed. The event contains all of them. Null means the default limit.
    #[serde(rename = "account.limits_changed")]
    AccountLimitsChanged {
        /// The rate limits of the account's API keys.
        requests_per_minute: Option<Quotas>,
        /// The maximum numbers of unrevoked API keys.
        #[serde(default)]
        keys: KeyLimits,
        /// The maximum number of sessions of each member.
        #[serde(default)]
        sessions_per_member: Option<NonZeroU32>,
    },
    /// The name or the policy of the account was changed. The event contains the new values.
    #[serde(rename = "account.changed")]
    AccountChanged { name: Name, policy: PolicySettings },
    /// All sessions, API keys and invitations of the account were ended at once.
    #[serde(rename = "account.credentials_ended")]
    AccountCredentialsEnded,
    /// An API key was created.
    #[serde(rename = "api_key.created")]
    KeyCreated {
        key_id: KeyId,
        name: Name,
        key_type: Environment,
        permissions: Permissions,
        scope: Option<ProjectScope>,
        expires_at: Option<Timestamp>,
        #[serde(default)]
        allowed_ips: Option<Networks>,
    },
    /// An API key was changed. The event contains the new values.
    #[serde(rename = "api_key.changed")]
    KeyChanged {
        key_id: KeyId,
        name: Name,
        permissions: Permissions,
        scope: Option<ProjectScope>,
        expires_at: Option<Timestamp>,
        allowed_ips: Option<Networks>,
        disabled: bool,
    },
    /// An API key was rotated.
    #[serde(rename = "api_key.rotated")]
    KeyRotated { key_id: KeyId, previous_expires_at: Timestamp },
    /// An API key was revoked.
    #[serde(rename = "api_key.revoked")]
    KeyRevoked {
        key_id: KeyId,
        #[serde(default)]
        reason: EndReason,
    },
    /// A member was created with a password. Since members are invited, only earlier events have this type.
    #[serde(rename = "member.created")]
    MemberCreated {
        user_id: UserId,
        /// The address of the member. Null if it was erased after the member was removed.
        email: Option<EmailAddress>,
        permissions: Permissions,
    },
    /// A member was invited, or invited again.
    #[serde(rename = "member.invited")]
    MemberInvited {
        user_id: UserId,
        /// The address of the member. Null if it was erased after the member was removed.
        email: Option<EmailAddress>,
        permissions: Permissions,
    },
    /// A member accepted the invitation and chose a password.
    #[serde(rename = "member.accepted")]
    MemberAccepted {
        user_id: UserId,
        /// The address of the member. Null if it was erased after the member was removed.
        email: Option<EmailAddress>,
    },
    /// A member was updated. The event contains the new permissions and the new status.
    #[serde(rename = "member.changed")]
    MemberChanged { user_id: UserId, permissions: Permissions, status: MemberStatus },
    /// A member was removed.
    #[serde(rename = "member.removed")]
    MemberRemoved { user_id: UserId },
    /// The operator erased the addresses of a former member from the audit trail.
    #[serde(rename = "member.forgotten")]
    MemberForgotten { user_id: UserId },
    /// A member changed their password, which ended all of their other sessions.
    #[serde(rename = "password.changed")]
    PasswordChanged { user_id: UserId },
    /// A request to change the password of a member contained a wrong current password.
    #[serde(rename = "password.refused")]
    PasswordRefused { user_id: UserId },
    /// The operator reset the count of failed logins. A password that they had disabled works again.
    #[serde(rename = "password.enabled")]
    PasswordEnabled { user_id: UserId },
    /// The operator created a token with which a member can reset their password.
    #[serde(rename = "password.reset_issued")]
    PasswordResetIssued { user_id: UserId, expires_at: Timestamp },
    /// A member reset their password with a token, which ended all of their sessions. The event has no actor, because the member was
    /// not logged in.
    #[serde(rename = "password.reset")]
    PasswordReset { user_id: UserId },
    /// A member logged in.
    #[serde(rename = "login.succeeded")]
    LoginSucceeded { user_id: UserId, session_id: SessionId },
    /// A passkey or a recovery code was rejected: in the second step of a login, or when a member authenticated again.
    #[serde(rename = "second_factor.refused")]
    SecondFactorRefused {
        user_id: UserId,
        /// What the request contained: a passkey or a recovery code.
        factor: Factor,
    },
    /// A member added a passkey, which ended all of their other sessions.
    #[serde(rename = "passkey.added")]
    PasskeyAdded { user_id: UserId, passkey_id: PasskeyId, name: Name },
    /// A member removed a passkey. With the last one, the recovery codes end, and the password alone logs the member in.
    #[serde(rename = "passkey.removed")]
    PasskeyRemoved { user_id: UserId, passkey_id: PasskeyId, name: Name },
    /// A member got new recovery codes, which ended the ones before.
    #[serde(rename = "recovery_codes.created")]
    RecoveryCodesCreated { user_id: UserId },
    /// A member logged in with a recovery code. It does not work again.
    #[serde(rename = "recovery_code.used")]
    RecoveryCodeUsed { user_id: UserId, session_id: SessionId },
    /// A project was created.
    #[serde(rename = "project.created")]
    ProjectCreated { project_id: ProjectId, environment: Environment, name: Name },
    /// A project was renamed. The event contains the new name.
    #[serde(rename = "project.changed")]
    ProjectChanged { project_id: ProjectId, environment: Environment, name: Name },
    /// A project was deleted.
    #[serde(rename = "project.deleted")]
    ProjectDeleted { project_id: ProjectId, environment: Environment },
    /// A session was ended.
    #[serde(rename = "session.ended")]
    SessionEnded {
        user_id: UserId,
        session_id: SessionId,
        #[serde(default)]
        reason: EndReason,
    },
    /// All sessions of a member were ended at once, except for `kept_session_id` if it is not null.
    // A type of its own, because the previous version requires a `session_id` in `session.ended`.
    #[serde(rename = "member.sessions_ended")]
    MemberSessionsEnded { user_id: UserId, kept_session_id: Option<SessionId> },
    /// A login as this member failed.
    #[serde(rename = "login.refused")]
    LoginRefused { user_id: UserId, reason: LoginRejection },
    /// The type of the event is not known to this version of the service, because a newer version stored the event.
    // So the audit trail stays readable during a deployment and after it is rolled back.
    #[serde(rename = "unknown", other)]
    Unknown,
}

/// Why a credential was ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The actor of the event requested it.
    // Events of earlier versions have no reason. All of them are of this kind.
    #[default]
    Requested,
    /// Somebody reported the credential as leaked. The event has no actor.
    Reported,
    /// The member logged in again with the maximum number of sessions, and this was the oldest. Only a session ends for this
    /// reason, and the actor is the new session.
    SessionLimit,
    /// A reason that this version of the service does not know.
    #[serde(other)]
    Unknown,
}

/// Why a login failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LoginRejection {
    /// The password was wrong.
    WrongPassword,
    /// The password is disabled, so the one in the request was not checked.
    PasswordDisabled,
    /// The password or the passkey was right, but the member or the account is suspended.
    Suspended,
}

/// The context of a change: its time, its request and the address of the caller.
pub struct AuditContext {
    pub at: Timestamp,
    event_id: EventId,
    request_id: String,
    source: Option<EventSource>,
    operator_identity: Option<String>,
}

/// The IP address that a request came from, and when it is deleted from the audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSource {
    pub ip_address: String,
    pub expires_at: Timestamp,
}

impl AuditEvent {
    /// Creates the event for an action of `actor`, which is `None` for a failed login and for a reported credential.
    #[must_use]
    pub fn new(actor: Option<Actor>, action: Action, audit_context: &AuditContext) -> Self {
        let AuditContext { at, event_id, request_id, source: _, operator_identity } = audit_context;
        Self {
            id: *event_id,
            created_at: *at,
            actor,
            action,
            request_id: request_id.clone(),
            source_ip: None,
            operator_identity: operator_identity.clone(),
        }
    }

    /// Returns the person whose IP address the event may contain: the member who acted, or, if nobody has authenticated, the one whom
    /// the event is about.
    #[must_use]
    pub fn person(&self) -> Option<UserId> {
        match self.actor {
            Some(Actor::Session { user_id, .. }) => Some(user_id),
            Some(Actor::ApiKey { .. } | Actor::Operator) => None,
            // Anybody can report a credential.
            None if matches!(self.action, Action::SessionEnded { reason: EndReason::Reported, .. }) => None,
            None => self.action.user_id(),
        }
    }
}

impl Action {
    /// Returns the member whom the action is about.
    fn user_id(&self) -> Option<UserId> {
        match *self {
            Self::AccountCreated { user_id, .. }
            | Self::MemberCreated { user_id, .. }
            | Self::MemberInvited { user_id, .. }
            | Self::MemberAccepted { user_id, .. }
            | Self::MemberChanged { user_id, .. }
            | Self::MemberRemoved { user_id }
            | Self::MemberForgotten { user_id }
            | Self::PasswordChanged { user_id }
            | Self::PasswordRefused { user_id }
            | Self::PasswordEnabled { user_id }
            | Self::PasswordResetIssued { user_id, .. }
            | Self::PasswordReset { user_id }
            | Self::LoginSucceeded { user_id, .. }
            | Self::SecondFactorRefused { user_id, .. }
            | Self::PasskeyAdded { user_id, .. }
            | Self::PasskeyRemoved { user_id, .. }
            | Self::RecoveryCodesCreated { user_id }
            | Self::RecoveryCodeUsed { user_id, .. }
            | Self::SessionEnded { user_id, .. }
            | Self::MemberSessionsEnded { user_id, .. }
            | Self::LoginRefused { user_id, .. } => Some(user_id),
            Self::AccountSuspended
            | Self::AccountRestored
            | Self::AccountLimitsChanged { .. }
            | Self::AccountChanged { .. }
            | Self::AccountCredentialsEnded
            | Self::KeyCreated { .. }
            | Self::KeyChanged { .. }
            | Self::KeyRotated { .. }
            | Self::KeyRevoked { .. }
            | Self::ProjectCreated { .. }
            | Self::ProjectChanged { .. }
            | Self::ProjectDeleted { .. }
            | Self::Unknown => None,
        }
    }

    /// Returns the member whose address the event shows, and the address.
    pub fn address_mut(&mut self) -> Option<(UserId, &mut Option<EmailAddress>)> {
        match self {
            Self::AccountCreated { user_id, email, .. }
            | Self::MemberCreated { user_id, email, .. }
            | Self::MemberInvited { user_id, email, .. }
            | Self::MemberAccepted { user_id, email } => Some((*user_id, email)),
            _ => None,
        }
    }
}

impl AuditContext {
    /// Creates the context of a change that the request `request_id` makes now.
    #[must_use]
    pub fn now(clock: &Clock, random: &Random, request_id: &str) -> Self {
        // One reading of the clock, so that the order of the ids is that of the times.
        let moment = clock.now_utc();
        Self {
            at: Timestamp::from(moment),
            event_id: EventId::at(moment, random),
            request_id: request_id.to_owned(),
            source: None,
            operator_identity: None,
        }
    }

    /// Adds the IP address that the request came from, which is stored for the time of `retention`.
    #[must_use]
    pub fn from_source(self, ip_address: &str, retention: PersonalDataRetention) -> Self {
        let expires_at = retention.after(self.at);
        Self { source: Some(EventSource { ip_address: ip_address.to_owned(), expires_at }), ..self }
    }

    /// Adds the identity of the operator who makes the change, if it is known.
    #[must_use]
    pub fn by_operator(self, operator_identity: Option<String>) -> Self {
        Self { operator_identity, ..self }
    }

    /// Returns the id of the event.
    #[must_use]
    pub fn event_id(&self) -> EventId {
        self.event_id
    }

    /// Returns the IP address that the request came from, if it is known.
    #[must_use]
    pub fn source(&self) -> Option<&EventSource> {
        self.source.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn event_of_an_unknown_type_keeps_its_other_fields() {
        let stored = serde_json::json!({
            "id": "event_0000000000000001", "created_at": "2026-01-30T12:00:00Z", "actor": {"type": "operator"},
            "type": "account.new", "detail": {"a": 1}, "request_id": "1", "source_ip": null,
        });
        let event: AuditEvent = serde_json::from_value(stored).unwrap();
        assert!(matches!(event.action, Action::Unknown));
        assert_eq!((event.actor, &*event.request_id), (Some(Actor::Operator), "1"));
        assert_eq!(serde_json::to_value(event).unwrap()["type"], "unknown");
    }

    #[test]
    fn event_of_an_earlier_version_without_a_reason_was_requested() {
        let actor = json!({"type": "operator"});
        for (kind, ids) in [
            ("api_key.revoked", json!({"key_id": "key_0000000000000001"})),
            (
                "session.ended",
                json!({"user_id": "user_0000000000000001", "session_id": "sid_0000000000000001"}),
            ),
        ] {
            let mut stored = json!({
                "id": "event_0000000000000001", "created_at": "2026-01-30T12:00:00Z", "type": kind,
                "actor": actor, "request_id": "1", "source_ip": null,
            });
            stored.as_object_mut().unwrap().extend(ids.as_object().unwrap().clone());
            let event: AuditEvent = serde_json::from_value(stored.clone()).unwrap();
            stored["reason"] = json!("requested");
            assert_eq!(serde_json::to_value(event).unwrap(), stored);
        }
    }
}
