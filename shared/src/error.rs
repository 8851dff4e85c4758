//! What goes wrong, as callers see it: one kind for each status and code of the contract.

use std::{borrow::Cow, error, fmt};

use lambda_http::http::StatusCode;

use crate::{
    authorization::denial::{Forbidden, Unauthenticated},
    credentials::password::{HashError, NotHashed},
    store::StoreError,
    telemetry::error_chain::error_chain,
};

/// An error that a caller is told. What caused it goes to the log alone.
pub struct Error {
    kind: Kind,
    message: Cow<'static, str>,
    field: Option<Cow<'static, str>>,
    /// After how many seconds it is worth another try.
    retry_after: Option<u32>,
    cause: Option<Cause>,
}

type Cause = Box<dyn error::Error + Send + Sync>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    BadRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    Conflict,
    PayloadTooLarge,
    UnsupportedMediaType,
    UnprocessableContent,
    RateLimited,
    Internal,
    Unavailable,
}

impl Kind {
    fn status(self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Conflict => StatusCode::CONFLICT,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::UnprocessableContent => StatusCode::UNPROCESSABLE_ENTITY,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn code(self) -> &'static str {
        match self {
            Self::BadRequest => "BAD_REQUEST",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::Forbidden => "FORBIDDEN",
            Self::NotFound => "NOT_FOUND",
            Self::Conflict => "CONFLICT",
            Self::PayloadTooLarge => "PAYLOAD_TOO_LARGE",
            Self::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            Self::UnprocessableContent => "UNPROCESSABLE_CONTENT",
            Self::RateLimited => "RATE_LIMITED",
            Self::Internal => "INTERNAL",
            Self::Unavailable => "UNAVAILABLE",
        }
    }
}

impl Error {
    fn new(kind: Kind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, message: message.into(), field: None, retry_after: None, cause: None }
    }

    fn caused_by(self, cause: impl Into<Cause>) -> Self {
        Self { cause: Some(cause.into()), ..self }
    }

    /// 400: the request is malformed.
    pub fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::BadRequest, message)
    }

    /// 400: one member or parameter is at fault; `problem` says what about it, as in "is required". The log has its
    /// name where that is ours, which a `&'static str` is, and not where the caller has made it up.
    pub fn bad_field(field: impl Into<Cow<'static, str>>, problem: impl fmt::Display) -> Self {
        let field = field.into();
        Self { field: Some(field.clone()), ..Self::bad_request(format!("`{field}` {problem}")) }
    }

    /// The error for a request whose field `field` holds a new password that was not hashed: 400 if it is a common one.
    #[must_use]
    pub fn password_not_hashed(field: &'static str, cause: NotHashed) -> Self {
        match cause {
            NotHashed::Common => Self::bad_field(field, cause),
            NotHashed::Failed(error) => error.into(),
        }
    }

    /// 401, with the contract's fixed body: nobody was let in.
    pub fn unauthorized(cause: impl Into<Cause>) -> Self {
        Self::new(Kind::Unauthorized, "Invalid or missing API key").caused_by(cause)
    }

    /// 401 of the login: which part was wrong is not told.
    #[must_use]
    pub fn wrong_login(cause: Unauthenticated) -> Self {
        Self::new(Kind::Unauthorized, "Invalid email or password").caused_by(cause)
    }

    /// 403, with the contract's fixed body: the caller may not do this.
    #[must_use]
    pub fn forbidden(cause: Forbidden) -> Self {
        Self::new(Kind::Forbidden, "API key does not have required permissions").caused_by(cause)
    }

    /// 403 with a message of its own.
    #[must_use]
    pub fn forbidden_because(message: &'static str) -> Self {
        Self::new(Kind::Forbidden, message)
    }

    /// 404: there is no such thing for this caller.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(Kind::NotFound, "Not found")
    }

    /// 409: another change came first, or the thing's state forbids this one.
    pub fn conflict(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Conflict, message)
    }

    /// 413: the body is larger than any can be.
    #[must_use]
    pub fn payload_too_large() -> Self {
        Self::new(Kind::PayloadTooLarge, "The request is too large")
    }

    /// 415: the body says that it is no JSON.
    #[must_use]
    pub fn unsupported_media_type() -> Self {
        Self::new(Kind::UnsupportedMediaType, "The body must be application/json")
    }

    /// 422: an idempotency key came with another request than before.
    #[must_use]
    pub fn idempotency_key_reused() -> Self {
        Self::new(Kind::UnprocessableContent, "The Idempotency-Key was used for another request")
    }

    /// 429: the caller is over its limit, for `retry_after` seconds more.
    #[must_use]
    pub fn rate_limited(retry_after: u32) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(Kind::RateLimited, "Too many requests") }
    }

    /// 500: our fault. The caller is not told what.
    pub fn internal(cause: impl Into<Cause>) -> Self {
        Self::new(Kind::Internal, "Internal error").caused_by(cause)
    }

    /// 503: something that we ask is down. The caller is not told what.
    pub fn unavailable(cause: impl Into<Cause>) -> Self {
        let unavailable = Self::new(Kind::Unavailable, "The service is unavailable").caused_by(cause);
        Self { retry_after: Some(1), ..unavailable }
    }

    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.kind.status()
    }

    /// The contract's error code, such as `NOT_FOUND`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.kind.code()
    }

    /// The message for the caller.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The field of the request that is at fault, if it is one.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// Seconds after which the request is worth retrying.
    #[must_use]
    pub fn retry_after(&self) -> Option<u32> {
        self.retry_after
    }

    /// Whether it is our fault rather than the caller's.
    #[must_use]
    pub fn is_fault(&self) -> bool {
        matches!(self.kind, Kind::Internal | Kind::Unavailable)
    }

    /// What goes to the log: the cause, or else the member at fault, or what the caller is told, unless that repeats
    /// what the caller sent.
    #[must_use]
    pub fn reason(&self) -> String {
        match (&self.cause, &self.field, &self.message) {
            (Some(cause), ..) => error_chain(&**cause),
            (None, Some(Cow::Borrowed(field)), _) => format!("{}: {field}", self.kind.code()),
            (None, Some(Cow::Owned(_)), _) => format!("{}: an unknown member", self.kind.code()),
            (None, None, Cow::Borrowed(message)) => (*message).to_owned(),
            (None, None, Cow::Owned(_)) => self.kind.code().to_owned(),
        }
    }
}

impl From<Forbidden> for Error {
    fn from(cause: Forbidden) -> Self {
        Self::forbidden(cause)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::not_found(),
            StoreError::Conflict => Self::conflict("Another change came first"),
            StoreError::AddressTaken => Self::conflict("The address belongs to a member already"),
            StoreError::LastAdmin => Self::conflict("An account keeps at least one active admin"),
            StoreError::Throttled { retry_after } => Self::rate_limited(retry_after),
            StoreError::Contended | StoreError::Unavailable(_) => Self::unavailable(error),
            StoreError::Malformed(_) | StoreError::Bug(_) => Self::internal(error),
        }
    }
}

impl From<HashError> for Error {
    fn from(error: HashError) -> Self {
        match error {
            // A pepper that is not at hand is one that Secrets Manager has not told us.
            HashError::Busy | HashError::Pepper(_) => Self::unavailable(error),
            _ => Self::internal(error),
        }
    }
}

// Neither body nor query may get into a log by a `{:?}`; the message may hold a member's name.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("code", &self.kind.code())
            .field("cause", &self.cause)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreError;

    #[test]
    fn the_log_has_causes_and_nothing_that_the_caller_sent() {
        for (error, reason) in [
            (Error::unavailable(StoreError::Unavailable("no answer".into())), "DynamoDB failed: no answer"),
            (Error::bad_field("name", "is required"), "BAD_REQUEST: name"),
            (Error::bad_field("mt_live_secret".to_owned(), "is unknown"), "BAD_REQUEST: an unknown member"),
            (Error::not_found(), "Not found"),
            (Error::bad_request("mt_live_secret".to_owned()), "BAD_REQUEST"),
        ] {
            assert_eq!(error.reason(), reason);
            assert!(!format!("{error:?}").contains("mt_live"));
            assert!(format!("{error:?}").starts_with("Error { code: "));
        }
    }
}
