//! The authenticated caller of a request. The authorizer determines it and passes it to the functions in its
//! [context](crate::authorization::context).

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    authorization::denial::Forbidden,
    model::{
        account_policy::ReauthenticationMinutes, api_key::ValidPreviousSecret, audit_event::Actor,
        creator::Creator, member::Member, restrictions::Restrictions,
    },
    primitives::{
        allowed_ips::AllowedIps,
        email::EmailAddress,
        environment::Environment,
        factor::Factors,
        id::{AccountId, KeyId, SessionId, UserId},
        name::Name,
        permission::{Permission, Permissions},
        scope::Scope,
        timestamp::Timestamp,
    },
};

/// An authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// A program that uses an API key.
    ApiKey(KeyPrincipal),
    /// A member who uses a session.
    Session(SessionPrincipal),
}

/// An authenticated API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPrincipal {
    pub account_id: AccountId,
    pub key_id: KeyId,
    pub name: Name,
    pub environment: Environment,
    pub permissions: Permissions,
    pub scope: Scope,
    pub allowed_ips: AllowedIps,
    /// `None` if the key never expires.
    pub expires_at: Option<Timestamp>,
    /// Which of the key's secrets the request was sent with.
    pub secret: SecretAge,
    /// How many secrets the key had before the one that the request was sent with.
    pub generation: u32,
    /// When the secret was replaced and when it ends, if it is the previous one. `None` for the current secret, and if the
    /// authorizer of the previous version of the service made the decision.
    pub deprecation: Option<SecretDeprecation>,
    /// See [`ApiKey::revision`](crate::model::api_key::ApiKey::revision).
    pub revision: u32,
    /// See [`ApiKey::originating_member`](crate::model::api_key::ApiKey::originating_member).
    pub originating_member: Option<UserId>,
    /// See [`ApiKey::epoch`](crate::model::api_key::ApiKey::epoch).
    pub epoch: u32,
    /// The restrictions of the account at the decision. A write on behalf of the caller fails if they have changed since.
    pub account_restrictions: Restrictions,
}

/// When a secret was replaced, and when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretDeprecation {
    /// When a rotation replaced the secret, or `None` if that was not recorded.
    pub replaced_at: Option<Timestamp>,
    /// The secret is invalid from this time on.
    pub ends_at: Timestamp,
}

impl From<ValidPreviousSecret> for SecretDeprecation {
    fn from(ValidPreviousSecret { replaced_at, ends_at, .. }: ValidPreviousSecret) -> Self {
        Self { replaced_at, ends_at }
    }
}

/// Which of a key's secrets a request was sent with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SecretAge {
    /// The secret that was issued last.
    Current,
    /// The secret that the last rotation replaced. It stays valid until the grace period ends.
    Previous,
}

impl SecretAge {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Previous => "previous",
        }
    }

    #[must_use]
    pub(super) fn from_name(name: &str) -> Option<Self> {
        [Self::Current, Self::Previous].into_iter().find(|age| age.as_str() == name)
    }
}

/// A member who is authenticated by a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionPrincipal {
    pub account_id: AccountId,
    pub user_id: UserId,
    pub session_id: SessionId,
    /// The session's epoch; see [`Member::session_epoch`](crate::model::member::Member::session_epoch).
    pub session_epoch: u32,
    /// The session's epoch of the account; see [`Account::session_epoch`](crate::model::account::Account::session_epoch).
    pub account_epoch: u32,
    pub email: EmailAddress,
    /// The member's permissions.
    pub permissions: Permissions,
    pub expires_at: Timestamp,
    /// See [`Session::authenticated_at`](crate::model::session::Session::authenticated_at).
    pub authenticated_at: Timestamp,
    pub factors: Factors,
    /// The restrictions of the account at the decision. A write on behalf of the caller fails if they have changed since.
    pub account_restrictions: Restrictions,
    /// See [`AccountPolicy::reauthentication_minutes`](crate::model::account_policy::AccountPolicy::reauthentication_minutes).
    pub reauthentication_minutes: Option<ReauthenticationMinutes>,
}

impl SessionPrincipal {
    /// Returns true if `member` is the one who logged in, and has not changed since in a way that ends the session.
    #[must_use]
    pub fn is_of(&self, member: &Member) -> bool {
        member.id == self.user_id && member.accepts_session_epoch(self.session_epoch)
    }
}

impl Principal {
    #[must_use]
    pub fn account_id(&self) -> AccountId {
        match self {
            Self::ApiKey(key) => key.account_id,
            Self::Session(session) => session.account_id,
        }
    }

    #[must_use]
    pub fn permissions(&self) -> Permissions {
        match self {
            Self::ApiKey(key) => key.permissions,
            Self::Session(session) => session.permissions,
        }
    }

    /// Returns the key's scope. Sessions reach every project.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        match self {
            Self::ApiKey(key) => &key.scope,
            Self::Session(_) => &Scope::All,
        }
    }

    /// Returns the addresses from which the key may be used. Sessions may be used from everywhere.
    #[must_use]
    pub fn allowed_ips(&self) -> &AllowedIps {
        match self {
            Self::ApiKey(key) => &key.allowed_ips,
            Self::Session(_) => &AllowedIps::Any,
        }
    }

    /// Returns when the secret of the request was replaced and when it ends, if it is the previous secret of a key.
    #[must_use]
    pub fn secret_deprecation(&self) -> Option<SecretDeprecation> {
        match self {
            Self::ApiKey(key) => key.deprecation,
            Self::Session(_) => None,
        }
    }

    /// Returns the restrictions of the account at the decision.
    #[must_use]
    pub fn account_restrictions(&self) -> &Restrictions {
        match self {
            Self::ApiKey(key) => &key.account_restrictions,
            Self::Session(session) => &session.account_restrictions,
        }
    }

    /// Returns the member who is at the start of the chain of creators of this caller.
    #[must_use]
    pub fn originating_member(&self) -> Option<UserId> {
        match self {
            Self::ApiKey(key) => key.originating_member,
            Self::Session(session) => Some(session.user_id),
        }
    }

    /// Returns true if this is a session with `admin`.
    #[must_use]
    pub fn is_admin_session(&self) -> bool {
        matches!(self, Self::Session(session) if session.permissions.contains(Permission::Admin))
    }

    /// Returns the environment that a request applies to. `requested` is the environment that the request names, if any.
    /// For a session, the default is live. A key always uses its own environment.
    ///
    /// # Errors
    /// Returns an error if a key requests the other environment.
    pub fn environment(&self, requested: Option<Environment>) -> Result<Environment, Forbidden> {
        match self {
            Self::Session(_) => Ok(requested.unwrap_or(Environment::Live)),
            Self::ApiKey(key) if requested.is_none_or(|requested| requested == key.environment) => {
                Ok(key.environment)
            }
            Self::ApiKey(_) => Err(Forbidden::WrongEnvironment),
        }
    }

    /// Returns the caller's session, for routes that accept only sessions.
    ///
    /// # Errors
    /// Returns an error if the caller is a key.
    pub fn session(&self) -> Result<&SessionPrincipal, Forbidden> {
        match self {
            Self::Session(session) => Ok(session),
            Self::ApiKey(_) => Err(Forbidden::WrongCredential),
        }
    }

    /// Returns the id of the key or of the member, for logs and for API Gateway's `principalId`.
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

impl From<&Principal> for Creator {
    fn from(principal: &Principal) -> Self {
        match principal {
            Principal::ApiKey(key) => Self::ApiKey(key.key_id),
            Principal::Session(session) => Self::Member(session.user_id),
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
    use proptest::{
        option,
        prelude::*,
        sample::{select, subsequence},
    };

    use super::*;
    use crate::{
        model::restrictions::Restriction,
        primitives::{
            allowed_ips::tests::any_allowed_ips, factor::tests::any_factors,
            permission::tests::any_permissions, scope::tests::any_scope, timestamp::tests::timestamp,
        },
    };

    pub(crate) fn any_key_principal() -> impl Strategy<Value = KeyPrincipal> {
        (
            "[a-z]{1,9}",
            select(&Environment::ALL[..]),
            any_permissions(),
            any_scope(),
            any_allowed_ips(),
            option::of(0..2_000_000_000_i64),
            select(&[SecretAge::Current, SecretAge::Previous][..]),
            any::<[u32; 3]>(),
            (any::<bool>(), any_account_restrictions()),
            (option::of(0..2_000_000_000_i64), option::of(0..2_000_000_000_i64)),
        )
            .prop_map(
                |(
                    name,
                    environment,
                    permissions,
                    scope,
                    allowed_ips,
                    expires_at,
                    secret,
                    counts,
                    (has_origin, account_restrictions),
                    (replaced_at, ends_at),
                )| {
                    let [generation, revision, epoch] = counts;
                    let deprecation = ends_at.filter(|_| secret == SecretAge::Previous).map(|ends_at| {
                        let (replaced_at, ends_at) = (replaced_at.map(timestamp), timestamp(ends_at));
                        SecretDeprecation { replaced_at, ends_at }
                    });
                    KeyPrincipal {
                        account_id: "acct_0000000000000001".parse().unwrap(),
                        key_id: "key_0000000000000001".parse().unwrap(),
                        name: name.try_into().unwrap(),
                        environment,
                        permissions,
                        scope,
                        allowed_ips,
                        expires_at: expires_at.map(timestamp),
                        secret,
                        generation,
                        deprecation,
                        revision,
                        originating_member: has_origin.then(|| "user_0000000000000001".parse().unwrap()),
                        epoch,
                        account_restrictions,
                    }
                },
            )
    }

    fn any_account_restrictions() -> impl Strategy<Value = Restrictions> {
        const OF_ACCOUNTS: [Restriction; 4] = [
            Restriction::IdleKeys,
            Restriction::KeyEpoch,
            Restriction::Reauthentication,
            Restriction::SecondFactor,
        ];
        subsequence(&OF_ACCOUNTS[..], 0..=4).prop_map(|names| names.into_iter().collect())
    }

    pub(crate) fn any_session_principal() -> impl Strategy<Value = SessionPrincipal> {
        let times = [0..2_000_000_000_i64, 0..2_000_000_000_i64];
        let rules = (any_account_restrictions(), option::of(5..=720_i64));
        (any_permissions(), times, any::<[u32; 2]>(), any_factors(), rules).prop_map(
            |(
                permissions,
                times,
                [session_epoch, account_epoch],
                factors,
                (account_restrictions, minutes),
            )| SessionPrincipal {
                account_id: "acct_0000000000000001".parse().unwrap(),
                user_id: "user_0000000000000001".parse().unwrap(),
                session_id: "sid_0000000000000001".parse().unwrap(),
                session_epoch,
                account_epoch,
                email: "user@example.com".to_owned().try_into().unwrap(),
                permissions,
                expires_at: timestamp(times[0]),
                authenticated_at: timestamp(times[1]),
                factors,
                account_restrictions,
                reauthentication_minutes: minutes.map(|minutes| minutes.try_into().unwrap()),
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
        fn key_sees_only_its_own_environment_and_is_identified_by_its_key_id(key in any_key_principal()) {
            let own = key.environment;
            let other = if own == Environment::Live { Environment::Test } else { Environment::Live };
            let principal = Principal::ApiKey(key);
            prop_assert_eq!(principal.environment(None), Ok(own));
            prop_assert_eq!(principal.environment(Some(own)), Ok(own));
            prop_assert_eq!(principal.environment(Some(other)), Err(Forbidden::WrongEnvironment));
            prop_assert_eq!(principal.id(), "key_0000000000000001");
        }

        #[test]
        fn session_sees_the_requested_environment_and_is_identified_by_its_member_id(
            session in any_session_principal(),
        ) {
            let principal = Principal::Session(session);
            prop_assert_eq!(principal.environment(None), Ok(Environment::Live));
            for requested in Environment::ALL {
                prop_assert_eq!(principal.environment(Some(requested)), Ok(requested));
            }
            prop_assert_eq!(principal.id(), "user_0000000000000001");
        }
    }
}
