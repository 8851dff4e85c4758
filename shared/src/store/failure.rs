//! Why the table did not do what it was asked.

use std::error;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::error::Error;

type Cause = Box<dyn error::Error + Send + Sync>;

/// Why the table did not do what it was asked, where that is nobody's wish.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// `DynamoDB` did not answer, or refused.
    #[error("DynamoDB failed")]
    Unavailable(#[source] Cause),
    /// What stands in the table is not what we write.
    #[error("an item is malformed")]
    Malformed(#[source] Cause),
}

impl StoreError {
    pub(super) fn malformed(cause: impl Into<Cause>) -> Self {
        Self::Malformed(cause.into())
    }
}

/// The SDK's own text may hold parts of a request; the code and the message of the service do not.
impl<E, R> From<SdkError<E, R>> for StoreError
where
    E: ProvideErrorMetadata,
{
    fn from(error: SdkError<E, R>) -> Self {
        let kind = match &error {
            SdkError::TimeoutError(_) => "no answer in time",
            SdkError::DispatchFailure(_) => "no connection",
            SdkError::ResponseError(_) => "an answer that can't be read",
            SdkError::ServiceError(_) => "refused",
            _ => "the request can't be made",
        };
        let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
        Self::Unavailable(code.map_or_else(|| kind.to_owned(), |code| format!("{kind}: {code}")).into())
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::unavailable(error),
            StoreError::Malformed(_) => Self::internal(error),
        }
    }
}

/// Whether a conditional write was done: `Some` with its answer, or `None` where its condition failed.
pub(super) fn done<T, E, R>(result: Result<T, SdkError<E, R>>) -> Result<Option<T>, StoreError>
where
    E: ProvideErrorMetadata,
{
    match result {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(None),
        Err(error) => Err(error.into()),
    }
}
