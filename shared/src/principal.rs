//! Who is calling: what the authorizer found out, and the functions take from it.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::{
    email::EmailAddress,
    environment::Environment,
    error::Error,
    id::{AccountId, KeyId, SessionId, UserId},
    name::Name,
    permission::{Permission, Permissions},
    project::ProjectId,
    refusal::Forbidden,
    scope::Scope,
    timestamp::Timestamp,
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

    fn named(name: &str) -> Option<Self> {
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
    /// Of which epoch the session is; see [`Member::session_epoch`](crate::member::Member::session_epoch).
    pub session_epoch: u32,
    /// The member's address.
    pub email: EmailAddress,
    /// What the member may do.
    pub permissions: Permissions,
    /// When the session ends.
    pub expires_at: Timestamp,
}

/// In a context, the end of a key that has none. A value that is missing never means the most.
const NEVER: &str = "never";
/// The most members of a context, those that tell of a limit among them.
const MAX_CONTEXT: usize = 14;
/// In a context, the scope of a key that is not limited.
const EVERY_PROJECT: &str = "*";

/// The context that came with a request is none that our authorizer makes.
#[derive(Debug, thiserror::Error)]
#[error("the authorizer's context is missing or malformed")]
pub struct MalformedContext;

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
    pub fn session(&self) -> Result<&SessionPrincipal, Error> {
        match self {
            Self::Session(session) => Ok(session),
            Self::ApiKey(_) => Err(Error::forbidden(Forbidden::WrongCredential)),
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

    /// The authorizer's context for them. API Gateway hands on strings alone, so all of it is strings:
    /// lists are joined by commas, a scope of every project is `*`, and no end is `never`.
    #[must_use]
    pub fn to_context(&self) -> Vec<(&'static str, String)> {
        let permissions = self.permissions().iter().map(Permission::as_str).collect::<Vec<_>>().join(",");
        let mut context = Vec::with_capacity(MAX_CONTEXT);
        context.extend([("account_id", self.account_id().to_string()), ("permissions", permissions)]);
        match self {
            Self::ApiKey(key) => {
                let scope = match &key.scope {
                    Scope::All => EVERY_PROJECT.to_owned(),
                    Scope::Projects(projects) => {
                        projects.as_slice().iter().map(ProjectId::as_str).collect::<Vec<_>>().join(",")
                    }
                };
                context.extend([
                    ("type", "api_key".to_owned()),
                    ("key_id", key.key_id.to_string()),
                    ("name", key.name.as_str().to_owned()),
                    ("key_type", key.environment.as_str().to_owned()),
                    ("scope", scope),
                    ("expires_at", key.expires_at.map_or_else(|| NEVER.to_owned(), |end| end.to_string())),
                    ("secret", key.secret.as_str().to_owned()),
                    ("generation", key.generation.to_string()),
                ]);
            }
            Self::Session(session) => context.extend([
                ("type", "session".to_owned()),
                ("user_id", session.user_id.to_string()),
                ("session_id", session.session_id.to_string()),
                ("session_epoch", session.session_epoch.to_string()),
                ("email", session.email.as_str().to_owned()),
                ("expires_at", session.expires_at.to_string()),
            ]),
        }
        context
    }

    /// Who the authorizer's context says is calling.
    ///
    /// # Errors
    /// When anything of it is missing or malformed: then nobody was let in.
    pub fn from_context(context: &HashMap<String, Value>) -> Result<Self, MalformedContext> {
        let text = |name: &str| context.get(name).and_then(Value::as_str).ok_or(MalformedContext);
        let account_id = text("account_id")?.parse().map_err(|_| MalformedContext)?;
        let permissions = permissions(text("permissions")?)?;
        match text("type")? {
            "api_key" => Ok(Self::ApiKey(KeyPrincipal {
                account_id,
                key_id: text("key_id")?.parse().map_err(|_| MalformedContext)?,
                name: text("name")?.to_owned().try_into().map_err(|_| MalformedContext)?,
                environment: Environment::named(text("key_type")?).ok_or(MalformedContext)?,
                permissions,
                scope: scope(text("scope")?)?,
                expires_at: match text("expires_at")? {
                    NEVER => None,
                    end => Some(end.parse().map_err(|_| MalformedContext)?),
                },
                secret: SecretAge::named(text("secret")?).ok_or(MalformedContext)?,
                generation: text("generation")?.parse().map_err(|_| MalformedContext)?,
            })),
            "session" => Ok(Self::Session(SessionPrincipal {
                account_id,
                user_id: text("user_id")?.parse().map_err(|_| MalformedContext)?,
                session_id: text("session_id")?.parse().map_err(|_| MalformedContext)?,
                session_epoch: text("session_epoch")?.parse().map_err(|_| MalformedContext)?,
                email: text("email")?.to_owned().try_into().map_err(|_| MalformedContext)?,
                permissions,
                expires_at: text("expires_at")?.parse().map_err(|_| MalformedContext)?,
            })),
            _ => Err(MalformedContext),
        }
    }
}

fn permissions(names: &str) -> Result<Permissions, MalformedContext> {
    let permissions: Option<Vec<_>> = names.split(',').map(Permission::named).collect();
    Permissions::new(permissions.ok_or(MalformedContext)?).map_err(|_| MalformedContext)
}

fn scope(text: &str) -> Result<Scope, MalformedContext> {
    if text == EVERY_PROJECT {
        return Ok(Scope::All);
    }
    let ids: Result<Vec<ProjectId>, _> = text.split(',').map(str::parse).collect();
    let projects = ids.map_err(|_| MalformedContext)?.try_into().map_err(|_| MalformedContext)?;
    Ok(Scope::Projects(projects))
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::{option, prelude::*, sample::select};

    use super::*;
    use crate::{api_key::tests::timestamp, permission::tests::any_permissions, scope::tests::any_scope};

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

    fn as_received(principal: &Principal) -> HashMap<String, Value> {
        principal.to_context().into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
    }

    proptest! {
        #[test]
        fn a_context_says_who_it_was_made_for(principal in any_principal()) {
            prop_assert_eq!(Principal::from_context(&as_received(&principal)).unwrap(), principal);
        }

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

        #[test]
        fn a_context_that_lacks_a_value_says_nobody(principal in any_principal(), lacking: prop::sample::Index) {
            let mut context = as_received(&principal);
            let names: Vec<_> = context.keys().cloned().collect();
            context.remove(lacking.get(&names));
            prop_assert!(Principal::from_context(&context).is_err());
        }

        #[test]
        fn a_context_with_a_value_that_is_no_string_says_nobody(principal in any_principal(), at: prop::sample::Index) {
            let mut context = as_received(&principal);
            let names: Vec<_> = context.keys().cloned().collect();
            context.insert(at.get(&names).clone(), Value::Null);
            prop_assert!(Principal::from_context(&context).is_err());
        }
    }
}
