//! Errors of the AWS SDK, as a log may show them.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

/// The kind of an error and the service's code. The SDK's own text is left out because it may contain parts of the
/// request.
pub fn safe_summary<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    let kind = match error {
        SdkError::TimeoutError(_) => "no response in time",
        SdkError::DispatchFailure(_) => "no connection",
        SdkError::ResponseError(_) => "an unreadable response",
        SdkError::ServiceError(_) => "refused",
        _ => "the request could not be built",
    };
    error.code().map_or_else(|| kind.to_owned(), |code| format!("{kind}: {code}"))
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::error::{ConnectorError, ErrorMetadata};

    use super::*;

    #[test]
    fn error_is_described_by_its_kind_and_the_service_code() {
        let secret = || "mt_live_secret".into();
        let refused = ErrorMetadata::builder().code("Denied").message("mt_live_secret").build();
        for (error, words) in [
            (SdkError::construction_failure(secret()), "the request could not be built"),
            (SdkError::timeout_error(secret()), "no response in time"),
            (SdkError::dispatch_failure(ConnectorError::io(secret())), "no connection"),
            (SdkError::response_error(secret(), ()), "an unreadable response"),
            (SdkError::service_error(refused, ()), "refused: Denied"),
        ] {
            assert_eq!(safe_summary::<ErrorMetadata, ()>(&error), words);
        }
    }
}
