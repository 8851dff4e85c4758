//! Why a request is refused. For the log alone; a caller is not told.

use crate::{credentials::token::MalformedToken, primitives::permission::Permission};

/// Why a credential is not valid: 401.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unauthenticated {
    /// The request does not have exactly one `Authorization` header with one value.
    #[error("not exactly one credential")]
    NotOneCredential,
    /// The credential can never have been issued.
    #[error("malformed credential: {0}")]
    Malformed(#[from] MalformedToken),
    /// There is no such key or session.
    #[error("unknown credential")]
    Unknown,
    /// The secret is not one that was given out for it.
    #[error("wrong secret")]
    WrongSecret,
    /// The secret was replaced, and its overlap is over.
    #[error("secret superseded")]
    SecretSuperseded,
    /// The key was revoked.
    #[error("revoked")]
    Revoked,
    /// The key or session is over for its age.
    #[error("expired")]
    Expired,
    /// The session was ended, or its member is suspended or gone.
    #[error("session ended")]
    SessionEnded,
    /// At login: no member has the address.
    #[error("unknown address")]
    UnknownAddress,
    /// At login: the password is another.
    #[error("wrong password")]
    WrongPassword,
    /// At login: the password is disabled.
    #[error("password disabled")]
    PasswordDisabled,
}

/// Why a valid credential may not do this: 403.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// The account is suspended.
    #[error("account suspended")]
    AccountSuspended,
    /// The route does not take a credential of this kind.
    #[error("wrong kind of credential")]
    WrongCredential,
    /// The credential lacks this permission.
    #[error("lacks {}", .0.as_str())]
    Lacks(Permission),
    /// The key does not reach this.
    #[error("outside scope")]
    OutsideScope,
    /// The key belongs to the other environment.
    #[error("wrong environment")]
    WrongEnvironment,
    /// What is asked for would have more permissions, projects or environments than the caller.
    #[error("exceeds the caller")]
    ExceedsCaller,
    /// No rule names the route.
    #[error("no rule for the route")]
    NoRule,
}
