//! Why the table did not do what it was asked.

use std::error;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::{rate_limit::login_throttle::Throttled, telemetry::sdk_error::safe_summary};

type Cause = Box<dyn error::Error + Send + Sync>;

/// Why the table did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The thing that was to be changed isn't there.
    #[error("there is no such thing")]
    NotFound,
    /// Another change of the same thing came first.
    #[error("another change came first")]
    Conflict,
    /// The address belongs to a member already, of this account or another.
    #[error("the address is taken")]
    AddressTaken,
    /// The account would be left without an active admin.
    #[error("the last active admin")]
    LastAdmin,
    /// Somebody tried to log in too often.
    #[error("tried too often")]
    Throttled {
        /// In how many seconds it can be tried again.
        retry_after: u32,
    },
    /// Other writes of the same item, or too many, were in the way, time and again. Nothing was done, and nothing is known
    /// of the condition either.
    #[error("other writes of the same item were in the way")]
    Contended,
    /// `DynamoDB` did not answer, or could not.
    #[error("DynamoDB failed")]
    Unavailable(#[source] Cause),
    /// What stands in the table is not what we write.
    #[error("an item is malformed")]
    Malformed(#[source] Cause),
    /// We asked for what can't be.
    #[error("a request that DynamoDB can't take")]
    Bug(#[source] Cause),
}

impl StoreError {
    pub(super) fn malformed(cause: impl Into<Cause>) -> Self {
        Self::Malformed(cause.into())
    }

    /// New ids are random, so that one is taken is our fault.
    pub(super) fn id_taken() -> Self {
        Self::bug("a new id is taken")
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
