//! The errors of the store.

use std::error;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::{
    rate_limit::login_throttle::Throttled, store::dynamodb::item::Item, telemetry::sdk_error::safe_summary,
};

type Cause = Box<dyn error::Error + Send + Sync>;

/// The reason why a read or write failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The entity to change does not exist.
    #[error("the entity does not exist")]
    NotFound,
    /// A concurrent change was made first, or the caller is no longer authorized.
    #[error("another change was made first")]
    Conflict,
    /// The email address belongs to a member of this or another account.
    #[error("the email address already belongs to a member")]
    AddressTaken,
    /// The change would leave the account without an active admin.
    #[error("the account would have no active admin")]
    LastAdmin,
    /// The change would leave the account without an active member who has all four permissions.
    #[error("the account would have no active member with all permissions")]
    LastMemberWithAllPermissions,
    /// The account has reached its limit of unrevoked API keys of a type.
    #[error("the account has reached its limit of API keys")]
    KeyLimitReached,
    /// A challenge, a login token, a recovery code or a passkey was used, replaced or removed, or has expired.
    #[error("no longer valid")]
    NoLongerValid,
    /// There were too many login attempts.
    #[error("too many login attempts")]
    Throttled {
        /// Seconds until the next attempt is possible.
        retry_after: u32,
    },
    /// Every attempt to write failed because of concurrent writes to the same item or because of throttling. Nothing was
    /// written, and the condition of the write may or may not hold.
    #[error("every attempt to write failed because of concurrent writes or throttling")]
    Contended,
    /// The operation took too long.
    #[error("the operation took too long")]
    TimedOut,
    /// `DynamoDB` did not respond or returned an error.
    #[error("DynamoDB failed")]
    Unavailable(#[source] Cause),
    /// An item in the table does not have the expected form.
    #[error("an item is malformed")]
    Malformed(#[source] Cause),
    /// The service built an invalid request.
    #[error("the request to DynamoDB is invalid")]
    Bug(#[source] Cause),
}

impl StoreError {
    pub(super) fn malformed(cause: impl Into<Cause>) -> Self {
        Self::Malformed(cause.into())
    }

    /// Returns the error if a new id already exists. New ids are random, so this is a bug.
    pub(super) fn id_taken() -> Self {
        Self::bug("a new id already exists")
    }

    /// Returns the error if the condition of a write failed for the item `stored`, which is empty if there is none.
    #[expect(clippy::needless_pass_by_value, reason = "`Write::condition_with_item` passes the item")]
    pub(super) fn not_found_or_conflict(stored: Item) -> Self {
        if stored.is_empty() { Self::NotFound } else { Self::Conflict }
    }

    pub(super) fn bug(cause: impl Into<Cause>) -> Self {
        Self::Bug(cause.into())
    }
}

impl From<Throttled> for StoreError {
    fn from(Throttled { retry_after }: Throttled) -> Self {
        Self::Throttled { retry_after }
    }
}

impl<E: ProvideErrorMetadata, R> From<SdkError<E, R>> for StoreError {
    fn from(error: SdkError<E, R>) -> Self {
        Self::Unavailable(safe_summary(&error).into())
    }
}
