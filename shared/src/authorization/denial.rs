//! The reasons why a request is denied. They appear in the log only, never in a response. The operations guide
//! (`docs/operations.md`) lists their texts.

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
    /// No such key or session exists.
    #[error("unknown credential")]
    Unknown,
    /// The key or session exists, but this is not one of its secrets.
    #[error("wrong secret")]
    WrongSecret,
    /// A rotation replaced the secret, and the grace period has ended.
    #[error("secret replaced")]
    SecretReplaced,
    #[error("revoked")]
    Revoked,
    /// The key has expired, or the session has expired or was idle too long.
    #[error("expired")]
    Expired,
    /// The key is disabled.
    #[error("disabled")]
    Disabled,
    /// The session's member was suspended or removed, or changed the password in another session.
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
    /// The request would grant more permissions, projects or environments than the caller has.
    #[error("exceeds the caller's access")]
    ExceedsCaller,
    /// The authorizer has no rule for the route and method.
    #[error("no rule for the route")]
    NoRule,
}
