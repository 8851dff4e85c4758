//! Describes errors of the AWS SDK without parts of the request.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

/// Returns the kind of an error and the service's error code. The SDK's own text is left out, because it may contain parts
/// of the request.
pub fn safe_summary<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    let kind = match error {
        SdkError::TimeoutError(_) => "timeout",
        SdkError::DispatchFailure(_) => "connection failed",
        SdkError::ResponseError(_) => "unreadable response",
        SdkError::ServiceError(_) => "error response",
        _ => "request could not be built",
    };
    error.code().map_or_else(|| kind.to_owned(), |code| format!("{kind}: {code}"))
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::error::{ConnectorError, ErrorMetadata};

    use super::*;

    #[test]
    fn summary_has_the_kind_and_the_service_code_only() {
        let secret = || "mt_live_secret".into();
        let service_error = ErrorMetadata::builder().code("Denied").message("mt_live_secret").build();
        for (error, summary) in [
            (SdkError::construction_failure(secret()), "request could not be built"),
            (SdkError::timeout_error(secret()), "timeout"),
            (SdkError::dispatch_failure(ConnectorError::io(secret())), "connection failed"),
            (SdkError::response_error(secret(), ()), "unreadable response"),
            (SdkError::service_error(service_error, ()), "error response: Denied"),
        ] {
            assert_eq!(safe_summary::<ErrorMetadata, ()>(&error), summary);
        }
    }
}
