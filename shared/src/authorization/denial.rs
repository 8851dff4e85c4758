//! The reasons why a request is denied. The log contains their texts, and the operations guide (`docs/operations.md`) lists
//! them. The response to a denied request never contains its reason. Only a simulation shows it, as a [`DenialReason`].

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use crate::{credentials::token::MalformedToken, primitives::permission::Permission};

/// The reason why a credential is not valid: 401.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unauthenticated {
    /// The request does not have exactly one `Authorization` header with one value.
    #[error("not exactly one credential")]
    NotOneCredential,
    /// The credential does not have the format of a token that this service issues.
    #[error("malformed credential: {0}")]
    Malformed(#[from] MalformedToken),
    /// No such key or session exists, nor such an invitation or password reset.
    #[error("unknown credential")]
    Unknown,
    /// The key or session exists, or there is an invitation or a password reset, but this is not one of its secrets.
    #[error("wrong secret")]
    WrongSecret,
    /// A rotation replaced the secret, and the grace period has ended.
    #[error("secret replaced")]
    SecretReplaced,
    #[error("revoked")]
    Revoked,
    /// The key, the invitation or the token of a password reset has expired, or the session has expired or was idle too long.
    #[error("expired")]
    Expired,
    /// The key is disabled.
    #[error("disabled")]
    Disabled,
    /// The key was not used for as many days as the account's policy allows.
    #[error("idle")]
    Idle,
    /// The session was started before somebody ended all sessions of its member or account: the member or the account was suspended,
    /// the member was removed or changed the password in another session, or somebody ended the sessions. These also end invitations and
    /// the tokens of password resets.
    #[error("session ended")]
    SessionEnded,
    /// The credential, its member or its account has a restriction that this version of the service does not know.
    #[error("unknown restriction")]
    UnknownRestriction,
    /// Login only: no member has this address.
    #[error("unknown address")]
    UnknownAddress,
    /// Login only.
    #[error("wrong password")]
    WrongPassword,
    /// Login only: the login token is unknown or expired, was used, replaced or tried too often, or all sessions of the member or the
    /// account were ended since.
    #[error("invalid login token")]
    InvalidLoginToken,
    /// Login only: the response names no member, or its challenge is unknown, has expired or was used.
    #[error("passkey rejected")]
    PasskeyRejected,
    /// Login only: the recovery code is wrong or was used.
    #[error("wrong recovery code")]
    WrongRecoveryCode,
    /// Login only: too many failed logins have disabled the password.
    #[error("password disabled")]
    PasswordDisabled,
}

/// The reason why a caller with a valid credential may not make a request: 403.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    #[error("account suspended")]
    AccountSuspended,
    /// The route is for sessions only, and the caller is a key.
    #[error("wrong kind of credential")]
    WrongCredential,
    #[error("missing permission: {}", .0.as_str())]
    MissingPermission(Permission),
    /// The key's scope does not include the project, or the route is not available to scoped keys.
    #[error("outside scope")]
    OutsideScope,
    /// The key has allowed IP addresses, and the request came from another one.
    #[error("address not allowed")]
    AddressNotAllowed,
    /// The caller sees the key, but is neither its creator nor an admin.
    #[error("not the creator of the key")]
    NotCreator,
    /// The request names an environment other than the key's, or the route is not available to test keys.
    #[error("wrong environment")]
    WrongEnvironment,
    /// The request would grant more permissions, projects or environments than the caller has, or a key would act against a member
    /// with `admin`.
    #[error("exceeds the caller's access")]
    ExceedsCaller,
    /// The account requires a second factor, the session has none, and the route belongs to another API.
    #[error("no second factor")]
    NoSecondFactor,
    /// Reauthentication only: the password is wrong or disabled.
    #[error("wrong password")]
    WrongPassword,
    /// Reauthentication only: the member has a passkey, so the password is not enough.
    #[error("needs a passkey")]
    NeedsPasskey,
    /// The authorizer has no rule for the route and method.
    #[error("no route")]
    NoRoute,
}

/// The reason why a request is denied, without the case that no decision was possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// The credential is not valid: 401.
    #[error(transparent)]
    Unauthenticated(#[from] Unauthenticated),
    /// The credential is valid, but the caller may not make this request: 403.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
}

/// The reasons of denials whose credential is a known secret of an API key, each with its description for API users.
const OF_A_KNOWN_KEY: [(Denial, &str); 15] = [
    (Denial::Unauthenticated(Unauthenticated::Revoked), "The key was revoked."),
    (Denial::Unauthenticated(Unauthenticated::Expired), "The key has expired."),
    (
        Denial::Unauthenticated(Unauthenticated::UnknownRestriction),
        "The key or its account has a restriction that this version of the service does not know.",
    ),
    (Denial::Unauthenticated(Unauthenticated::Disabled), "The key is disabled."),
    (
        Denial::Unauthenticated(Unauthenticated::Idle),
        "The key was not used for as many days as the account's policy allows.",
    ),
    (Denial::Forbidden(Forbidden::AddressNotAllowed), "The key's `allowed_ips` do not contain the address."),
    (Denial::Forbidden(Forbidden::AccountSuspended), "The account is suspended."),
    (
        Denial::Forbidden(Forbidden::NoRoute),
        "There is no route with this path and method. The real request gets 404 from this API, and 403 from another API that uses the same authorizer.",
    ),
    (Denial::Forbidden(Forbidden::WrongCredential), "The route requires a session."),
    missing_permission(Permission::Read, "The key lacks the permission `read`."),
    missing_permission(Permission::Write, "The key lacks the permission `write`."),
    missing_permission(Permission::Delete, "The key lacks the permission `delete`."),
    missing_permission(Permission::Admin, "The key lacks the permission `admin`."),
    (
        Denial::Forbidden(Forbidden::WrongEnvironment),
        "The query names an environment other than the key's, or the route is not available to test keys.",
    ),
    (
        Denial::Forbidden(Forbidden::OutsideScope),
        "The key's scope does not include the project, or the route is not available to keys with a scope.",
    ),
];

const fn missing_permission(permission: Permission, description: &'static str) -> (Denial, &'static str) {
    (Denial::Forbidden(Forbidden::MissingPermission(permission)), description)
}

/// The name of a denial in the API: the words of its text in the log, separated by `_`, such as `address_not_allowed` or
/// `missing_permission_read`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DenialReason(pub Denial);

impl DenialReason {
    /// Returns each reason of a denied request with a known key, with its description for API users.
    pub fn of_a_known_key() -> impl Iterator<Item = (Self, &'static str)> {
        OF_A_KNOWN_KEY.into_iter().map(|(denial, description)| (Self(denial), description))
    }

    #[must_use]
    pub fn name(self) -> String {
        self.0.to_string().replace(": ", "_").replace(' ', "_")
    }
}

impl Serialize for DenialReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name())
    }
}

impl JsonSchema for DenialReason {
    fn schema_name() -> Cow<'static, str> {
        "DenialReason".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let variants: Vec<_> = Self::of_a_known_key()
            .map(|(reason, description)| {
                json_schema!({"type": "string", "const": reason.name(), "description": description})
            })
            .collect();
        json_schema!({
            "description": "Why a request with an API key is denied. If several reasons apply, it is the first of this list.",
            "oneOf": variants,
        })
    }
}
