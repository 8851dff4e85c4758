//! Which events of an audit trail a caller asks for.

use std::{fmt, str::FromStr};

use crate::{
    model::creator::Creator,
    primitives::{id::KeyId, timestamp::Timestamp},
};

/// The events that fulfil all conditions. `None` is no condition.
#[derive(Debug, Clone, Copy, Default)]
pub struct AuditEventFilter {
    /// Events that this key caused, and changes to this key.
    pub key: Option<KeyId>,
    pub event_type: Option<EventType>,
    pub actor: Option<ActorFilter>,
    /// Events at this time or later.
    pub since: Option<Timestamp>,
    /// Events before this time.
    pub until: Option<Timestamp>,
}

/// Names the list that the filter selects, so that a cursor of another one is rejected.
impl fmt::Display for AuditEventFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, event_type, actor, since, until } = self;
        f.write_str("audit-events")?;
        for (name, value) in [
            ("key_id", key.map(|key| key.to_string())),
            ("type", event_type.map(|EventType(name)| name.to_owned())),
            ("actor", actor.map(|actor| actor.to_string())),
            ("since", since.map(|time| time.to_string())),
            ("until", until.map(|time| time.to_string())),
        ] {
            if let Some(value) = value {
                write!(f, "/{name}={value}")?;
            }
        }
        Ok(())
    }
}

/// The name of a type of events, as in [`Action`](super::audit_event::Action).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventType(&'static str);

impl EventType {
    /// The names of all types that this version of the service stores.
    pub const NAMES: [&str; 33] = [
        "account.changed",
        "account.created",
        "account.credentials_ended",
        "account.limits_changed",
        "account.restored",
        "account.suspended",
        "api_key.changed",
        "api_key.created",
        "api_key.revoked",
        "api_key.rotated",
        "login.refused",
        "login.succeeded",
        "member.accepted",
        "member.changed",
        "member.created",
        "member.forgotten",
        "member.invited",
        "member.removed",
        "member.sessions_ended",
        "passkey.added",
        "passkey.removed",
        "password.changed",
        "password.enabled",
        "password.refused",
        "password.reset",
        "password.reset_issued",
        "project.changed",
        "project.created",
        "project.deleted",
        "recovery_code.used",
        "recovery_codes.created",
        "second_factor.refused",
        "session.ended",
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

#[derive(Debug, thiserror::Error)]
#[error("is not the type of an event")]
pub struct UnknownEventType;

impl FromStr for EventType {
    type Err = UnknownEventType;

    fn from_str(text: &str) -> Result<Self, UnknownEventType> {
        Self::NAMES.into_iter().find(|name| *name == text).map(Self).ok_or(UnknownEventType)
    }
}

/// Who caused an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActorFilter {
    /// A member, in any session, or an API key.
    Principal(Creator),
    Operator,
}

/// The text that stands for the operator, as in the `type` of an [`Actor`](super::audit_event::Actor).
const OPERATOR: &str = "operator";

#[derive(Debug, thiserror::Error)]
#[error("must be the id of a member or of an API key, or `{OPERATOR}`")]
pub struct InvalidActor;

impl FromStr for ActorFilter {
    type Err = InvalidActor;

    fn from_str(text: &str) -> Result<Self, InvalidActor> {
        match text {
            OPERATOR => Ok(Self::Operator),
            id => id.parse().map(Self::Principal).map_err(|_| InvalidActor),
        }
    }
}

impl fmt::Display for ActorFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Principal(id) => id.fmt(f),
            Self::Operator => f.write_str(OPERATOR),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use schemars::schema_for;

    use super::*;
    use crate::model::audit_event::Action;

    #[test]
    fn names_are_those_of_all_known_actions() {
        let schema = schema_for!(Action).to_value();
        let variants = schema["oneOf"].as_array().unwrap();
        let names: BTreeSet<_> =
            variants.iter().map(|variant| variant["properties"]["type"]["const"].as_str().unwrap()).collect();
        let expected: BTreeSet<_> = EventType::NAMES.into_iter().chain(["unknown"]).collect();
        assert_eq!(names, expected);
        assert!(EventType::NAMES.is_sorted());
        assert_eq!("login.refused".parse::<EventType>().unwrap().as_str(), "login.refused");
        for unknown in ["unknown", "login", "LOGIN.REFUSED", ""] {
            assert!(unknown.parse::<EventType>().is_err(), "{unknown}");
        }
    }

    #[test]
    fn actor_is_a_member_a_key_or_the_operator() {
        for text in ["user_0000000000000001", "key_0000000000000001", "operator"] {
            assert_eq!(text.parse::<ActorFilter>().unwrap().to_string(), text);
        }
        for text in ["", "sid_0000000000000001", "Operator"] {
            assert!(text.parse::<ActorFilter>().is_err(), "{text}");
        }
    }

    #[test]
    fn list_of_each_filter_has_a_name_of_its_own() {
        let key = "key_0000000000000001";
        let time = "2026-01-30T12:00:00Z".parse().ok();
        let none = AuditEventFilter::default;
        let names = [
            none(),
            AuditEventFilter { key: key.parse().ok(), ..none() },
            AuditEventFilter { actor: key.parse().ok(), ..none() },
            AuditEventFilter { event_type: "login.refused".parse().ok(), ..none() },
            AuditEventFilter { since: time, ..none() },
            AuditEventFilter { until: time, ..none() },
        ]
        .map(|filter| filter.to_string());
        assert_eq!(BTreeSet::from(names.clone()).len(), names.len());
        assert_eq!(names[0], "audit-events");
        assert_eq!(names[1], "audit-events/key_id=key_0000000000000001");
    }
}
