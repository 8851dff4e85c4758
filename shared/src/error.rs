//! The errors that callers receive: one kind for each error code of the API.

use std::{borrow::Cow, error, fmt};

use lambda_http::http::StatusCode;

use crate::{
    authorization::{
        denial::{Forbidden, Unauthenticated},
        step_up::StepUpRequired,
    },
    credentials::{
        password::{HashError, NewPasswordError},
        token::MalformedToken,
    },
    primitives::environment::Environment,
    store::StoreError,
    telemetry::error_chain::error_chain,
};

/// An error response. Its cause is logged and never sent to the caller.
pub struct Error {
    kind: Kind,
    message: Cow<'static, str>,
    field: Option<Cow<'static, str>>,
    /// Seconds until the caller should retry.
    retry_after: Option<u32>,
    cause: Option<Cause>,
}

type Cause = Box<dyn error::Error + Send + Sync>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    BadRequest,
    Unauthorized,
    Forbidden,
    SecondFactorRequired,
    ReauthenticationRequired,
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
            Self::Forbidden | Self::SecondFactorRequired | Self::ReauthenticationRequired => {
                StatusCode::FORBIDDEN
            }
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
            Self::SecondFactorRequired => "SECOND_FACTOR_REQUIRED",
            Self::ReauthenticationRequired => "REAUTHENTICATION_REQUIRED",
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

    fn with_cause(self, cause: impl Into<Cause>) -> Self {
        Self { cause: Some(cause.into()), ..self }
    }

    /// 400: the request is malformed.
    pub fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::BadRequest, message)
    }

    /// 400: one field or parameter is invalid. `problem` completes the sentence, as in "is required".
    ///
    /// The log contains the field's name only if it is a `&'static str`: any other name was chosen by the caller.
    pub fn bad_field(field: impl Into<Cow<'static, str>>, problem: impl fmt::Display) -> Self {
        let field = field.into();
        Self { field: Some(field.clone()), ..Self::bad_request(format!("`{field}` {problem}")) }
    }

    /// The error if the new password in the request's `field` was not hashed: 400 if it was rejected.
    #[must_use]
    pub(crate) fn password_not_hashed(field: &'static str, cause: NewPasswordError) -> Self {
        match cause {
            NewPasswordError::Unchanged | NewPasswordError::Weak(_) => Self::bad_field(field, cause),
            NewPasswordError::Failed(error) => error.into(),
        }
    }

    /// 401 with the fixed body of the API: the credential is missing or invalid.
    pub fn unauthorized(cause: impl Into<Cause>) -> Self {
        Self::new(Kind::Unauthorized, "Invalid or missing API key").with_cause(cause)
    }

    /// 401 of the login. The message does not reveal whether the address or the password was wrong.
    #[must_use]
    pub fn login_failed(cause: Unauthenticated) -> Self {
        Self::new(Kind::Unauthorized, "Invalid email or password").with_cause(cause)
    }

    /// 403 with the fixed body of the API: the caller lacks a permission.
    pub fn forbidden(cause: impl Into<Cause>) -> Self {
        Self::new(Kind::Forbidden, "API key does not have required permissions").with_cause(cause)
    }

    /// 403 with a specific message instead of the fixed body.
    #[must_use]
    pub fn forbidden_with_message(message: &'static str) -> Self {
        Self::new(Kind::Forbidden, message)
    }

    /// 403 of a login: the password or the passkey is right, but the member or the account is suspended.
    #[must_use]
    pub fn account_suspended() -> Self {
        Self::forbidden_with_message("Account suspended")
    }

    /// 404: the entity does not exist, or the caller may not see it.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(Kind::NotFound, "Not found")
    }

    /// 409: a concurrent change was made first, or the entity's state forbids the change.
    pub fn conflict(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Conflict, message)
    }

    /// 409: the account already has `limit` unrevoked keys of this type, or more.
    #[must_use]
    pub fn key_limit_reached(environment: Environment, limit: u32) -> Self {
        let kind = environment.as_str();
        Self::conflict(format!(
            "The account has reached its limit of {limit} unrevoked {kind} keys. Revoke a key that is not needed, or ask the operator for a higher limit"
        ))
        .with_cause(StoreError::KeyLimitReached)
    }

    /// 413: the body is too large.
    #[must_use]
    pub fn payload_too_large() -> Self {
        Self::new(Kind::PayloadTooLarge, "The request is too large")
    }

    /// 415: the `Content-Type` is not `application/json`.
    #[must_use]
    pub fn unsupported_media_type() -> Self {
        Self::new(Kind::UnsupportedMediaType, "The Content-Type must be application/json")
    }

    /// 422: the idempotency key was used with a different request before.
    #[must_use]
    pub fn idempotency_key_reused() -> Self {
        Self::new(Kind::UnprocessableContent, "The Idempotency-Key was used for a different request")
    }

    /// 429: the caller exceeded a limit and can retry after `retry_after` seconds.
    #[must_use]
    pub fn rate_limited(retry_after: u32) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(Kind::RateLimited, "Too many requests") }
    }

    /// 500: the service has a bug or is misconfigured. The response contains no details.
    pub fn internal(cause: impl Into<Cause>) -> Self {
        Self::new(Kind::Internal, "Internal error").with_cause(cause)
    }

    /// 503: a service that this one depends on is unavailable. The response contains no details.
    pub fn unavailable(cause: impl Into<Cause>) -> Self {
        let unavailable = Self::new(Kind::Unavailable, "The service is unavailable").with_cause(cause);
        Self { retry_after: Some(1), ..unavailable }
    }

    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.kind.status()
    }

    /// Returns the error code of the API, such as `NOT_FOUND`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.kind.code()
    }

    /// Returns the message for the caller.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the field or parameter that is invalid, if the error is about one.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// Returns the seconds until the caller should retry.
    #[must_use]
    pub fn retry_after(&self) -> Option<u32> {
        self.retry_after
    }

    /// Returns true if the service caused the error, not the caller: 500 or 503.
    #[must_use]
    pub fn is_server_error(&self) -> bool {
        matches!(self.kind, Kind::Internal | Kind::Unavailable)
    }

    /// Returns the reason to log: the cause if there is one, otherwise the code and field, otherwise the message.
    ///
    /// It contains no text that the caller sent. An owned field name or message may contain such text and is left out.
    #[must_use]
    pub fn reason(&self) -> String {
        match (&self.cause, &self.field, &self.message) {
            (Some(cause), ..) => error_chain(&**cause),
            (None, Some(Cow::Borrowed(field)), _) => format!("{}: {field}", self.kind.code()),
            (None, Some(Cow::Owned(_)), _) => format!("{}: an unknown field", self.kind.code()),
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

impl From<StepUpRequired> for Error {
    fn from(cause: StepUpRequired) -> Self {
        let (kind, message) = match cause {
            StepUpRequired::SecondFactor => (Kind::SecondFactorRequired, "Add a passkey first"),
            StepUpRequired::Reauthentication => {
                (Kind::ReauthenticationRequired, "Authenticate again to do this")
            }
        };
        Self::new(kind, message).with_cause(cause)
    }
}

/// A malformed one-time token gets the fixed 401, as an unknown one does.
impl From<MalformedToken> for Error {
    fn from(malformed: MalformedToken) -> Self {
        Self::unauthorized(Unauthenticated::from(malformed))
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::not_found(),
            StoreError::Conflict => Self::conflict("Another change was made first"),
            StoreError::AddressTaken => Self::conflict("The email address already belongs to a member"),
            StoreError::LastAdmin => Self::conflict("An account must have at least one active admin"),
            StoreError::LastMemberWithAllPermissions => {
                Self::conflict("An account must have at least one active member with all four permissions")
            }
            StoreError::KeyLimitReached => Self::conflict("The account has reached its limit of API keys"),
            // Requests that authenticate convert this error themselves.
            StoreError::NoLongerValid => Self::bad_field(
                "credential",
                "is for options that were used or have expired. Request new options",
            ),
            StoreError::Throttled { retry_after } => Self::rate_limited(retry_after),
            StoreError::Contended | StoreError::TimedOut | StoreError::Unavailable(_) => {
                Self::unavailable(error)
            }
            StoreError::Malformed(_) | StoreError::Bug(_) => Self::internal(error),
        }
    }
}

impl From<HashError> for Error {
    fn from(error: HashError) -> Self {
        match error {
            // Secrets Manager has not returned this pepper.
            HashError::Pepper(_) => Self::unavailable(error),
            _ => Self::internal(error),
        }
    }
}

// The message is left out, because it may contain a part of the request, and `{:?}` output may be logged.
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

    #[test]
    fn log_reason_has_the_cause_and_no_text_from_the_caller() {
        for (error, reason) in [
            (Error::unavailable(StoreError::Unavailable("timeout".into())), "DynamoDB failed: timeout"),
            (Error::bad_field("name", "is required"), "BAD_REQUEST: name"),
            (Error::bad_field("mt_live_secret".to_owned(), "is unknown"), "BAD_REQUEST: an unknown field"),
            (Error::not_found(), "Not found"),
            (Error::bad_request("mt_live_secret".to_owned()), "BAD_REQUEST"),
        ] {
            assert_eq!(error.reason(), reason);
            assert!(!format!("{error:?}").contains("mt_live"));
            assert!(format!("{error:?}").starts_with("Error { code: "));
        }
    }
}
