//! Who is calling: what the authorizer found out, and the functions take from it.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    authorization::denial::Forbidden,
    model::audit_event::Actor,
    primitives::{
        email::EmailAddress,
        environment::Environment,
        id::{AccountId, KeyId, SessionId, UserId},
        name::Name,
        permission::Permissions,
        scope::Scope,
        timestamp::Timestamp,
    },
};

/// Who is calling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// A program with an API key.
    ApiKey(KeyPrincipal),
    /// A person with a session.
    Session(SessionPrincipal),
}

/// A program with an API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPrincipal {
    /// Whose key it is.
    pub account_id: AccountId,
    /// Which key it is.
    pub key_id: KeyId,
    /// What people call the key.
    pub name: Name,
    /// Which data it sees.
    pub environment: Environment,
    /// What it may do.
    pub permissions: Permissions,
    /// Which projects it reaches.
    pub scope: Scope,
    /// When it ends, or `None` for never.
    pub expires_at: Option<Timestamp>,
    /// Which of its secrets came.
    pub secret: SecretAge,
    /// How many secrets there were before that one.
    pub generation: u32,
}

/// Which of a key's secrets came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SecretAge {
    /// The one that was given out last.
    Current,
    /// The one before it, in its overlap.
    Previous,
}

impl SecretAge {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Previous => "previous",
        }
    }

    #[must_use]
    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Current, Self::Previous].into_iter().find(|age| age.as_str() == name)
    }
}

/// A person with a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionPrincipal {
    /// The member's account.
    pub account_id: AccountId,
    /// The member.
    pub user_id: UserId,
    /// The session.
    pub session_id: SessionId,
    /// Of which epoch the session is; see [`Member::session_epoch`](crate::model::member::Member::session_epoch).
    pub session_epoch: u32,
    /// The member's address.
    pub email: EmailAddress,
    /// What the member may do.
    pub permissions: Permissions,
    /// When the session ends.
    pub expires_at: Timestamp,
}

impl Principal {
    /// Whose data they work with.
    #[must_use]
    pub fn account_id(&self) -> AccountId {
        match self {
            Self::ApiKey(key) => key.account_id,
            Self::Session(session) => session.account_id,
        }
    }

    /// What they may do.
    #[must_use]
    pub fn permissions(&self) -> Permissions {
        match self {
            Self::ApiKey(key) => key.permissions,
            Self::Session(session) => session.permissions,
        }
    }

    /// Which projects they reach.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        match self {
            Self::ApiKey(key) => &key.scope,
            Self::Session(_) => &Scope::All,
        }
    }

    /// Which environment's data they work with, where the request names this one or none: a key's own,
    /// or the one that a session chooses.
    ///
    /// # Errors
    /// When it names one that the key does not see.
    pub fn environment(&self, named: Option<Environment>) -> Result<Environment, Forbidden> {
        match self {
            Self::Session(_) => Ok(named.unwrap_or(Environment::Live)),
            Self::ApiKey(key) if named.is_none_or(|named| named == key.environment) => Ok(key.environment),
            Self::ApiKey(_) => Err(Forbidden::WrongEnvironment),
        }
    }

    /// The session, on routes that are for sessions alone.
    ///
    /// # Errors
    /// 403, when a key calls.
    pub fn session(&self) -> Result<&SessionPrincipal, Forbidden> {
        match self {
            Self::Session(session) => Ok(session),
            Self::ApiKey(_) => Err(Forbidden::WrongCredential),
        }
    }

    /// The id of the key or the member, for logs and for API Gateway's `principalId`.
    #[must_use]
    pub fn id(&self) -> String {
        match self {
            Self::ApiKey(key) => key.key_id.to_string(),
            Self::Session(session) => session.user_id.to_string(),
        }
    }
}

impl From<&Principal> for Actor {
    fn from(principal: &Principal) -> Self {
        match principal {
            Principal::ApiKey(key) => Self::ApiKey { key_id: key.key_id },
            Principal::Session(session) => session.into(),
        }
    }
}

impl From<&SessionPrincipal> for Actor {
    fn from(session: &SessionPrincipal) -> Self {
        Self::Session { user_id: session.user_id, session_id: session.session_id }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::{option, prelude::*, sample::select};

    use super::*;
    use crate::primitives::{
        permission::tests::any_permissions, scope::tests::any_scope, timestamp::tests::timestamp,
    };

    pub(crate) fn any_key_principal() -> impl Strategy<Value = KeyPrincipal> {
        (
            "[a-z]{1,9}",
            select(&Environment::ALL[..]),
            any_permissions(),
            any_scope(),
            option::of(0..2_000_000_000_i64),
            select(&[SecretAge::Current, SecretAge::Previous][..]),
            any::<u32>(),
        )
            .prop_map(|(name, environment, permissions, scope, expires_at, secret, generation)| {
                KeyPrincipal {
                    account_id: "acct_0000000000000001".parse().unwrap(),
                    key_id: "key_0000000000000001".parse().unwrap(),
                    name: name.try_into().unwrap(),
                    environment,
                    permissions,
                    scope,
                    expires_at: expires_at.map(timestamp),
                    secret,
                    generation,
                }
            })
    }

    pub(crate) fn any_session_principal() -> impl Strategy<Value = SessionPrincipal> {
        (any_permissions(), 0..2_000_000_000_i64, any::<u32>()).prop_map(
            |(permissions, expires_at, session_epoch)| SessionPrincipal {
                account_id: "acct_0000000000000001".parse().unwrap(),
                user_id: "user_0000000000000001".parse().unwrap(),
                session_id: "sid_0000000000000001".parse().unwrap(),
                session_epoch,
                email: "user@example.com".to_owned().try_into().unwrap(),
                permissions,
                expires_at: timestamp(expires_at),
            },
        )
    }

    pub(crate) fn any_principal() -> impl Strategy<Value = Principal> {
        prop_oneof![
            any_key_principal().prop_map(Principal::ApiKey),
            any_session_principal().prop_map(Principal::Session),
        ]
    }

    proptest! {
        #[test]
        fn a_key_sees_its_own_environment_alone_and_is_known_by_its_id(key in any_key_principal()) {
            let own = key.environment;
            let other = if own == Environment::Live { Environment::Test } else { Environment::Live };
            let principal = Principal::ApiKey(key);
            prop_assert_eq!(principal.environment(None), Ok(own));
            prop_assert_eq!(principal.environment(Some(own)), Ok(own));
            prop_assert_eq!(principal.environment(Some(other)), Err(Forbidden::WrongEnvironment));
            prop_assert_eq!(principal.id(), "key_0000000000000001");
        }

        #[test]
        fn a_session_sees_the_environment_that_it_names_and_is_known_by_its_member(
            session in any_session_principal(),
        ) {
            let principal = Principal::Session(session);
            prop_assert_eq!(principal.environment(None), Ok(Environment::Live));
            for named in Environment::ALL {
                prop_assert_eq!(principal.environment(Some(named)), Ok(named));
            }
            prop_assert_eq!(principal.id(), "user_0000000000000001");
        }

    }
}
