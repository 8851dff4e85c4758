//! The clients of AWS's services, and how patient they are.

use std::time::Duration;

use aws_config::{
    BehaviorVersion, ConfigLoader, SdkConfig, retry::RetryConfig,
    stalled_stream_protection::StalledStreamProtectionConfig, timeout::TimeoutConfig,
};
use aws_sdk_dynamodb::{
    config::{Builder as DynamoDbConfig, retry::RetryPartition},
    error::{ProvideErrorMetadata, SdkError},
};
use aws_sdk_secretsmanager::config::Builder as SecretsManagerConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

use crate::{dynamodb_calls::Counter, store::DynamoDb};

/// The clients that functions use.
#[derive(Debug, Clone)]
pub struct Aws {
    /// `DynamoDB`'s.
    pub dynamodb: DynamoDb,
    /// Secrets Manager's.
    pub secrets_manager: aws_sdk_secretsmanager::Client,
}

impl Aws {
    /// Clients with these settings.
    ///
    /// Each has its own quota of what it may try again. The SDK has one for all clients of a process, which in Lambda
    /// come to the same, and where functions share a process would let one use up what another needs.
    #[must_use]
    pub fn new(dynamodb: &SdkConfig, secrets_manager: &SdkConfig) -> Self {
        let quota = |service| RetryPartition::custom(service).build();
        let dynamodb = DynamoDbConfig::from(dynamodb).interceptor(Counter).retry_partition(quota("dynamodb"));
        let secrets_manager =
            SecretsManagerConfig::from(secrets_manager).retry_partition(quota("secretsmanager"));
        Self {
            dynamodb: DynamoDb::new(dynamodb),
            secrets_manager: aws_sdk_secretsmanager::Client::from_conf(secrets_manager.build()),
        }
    }

    /// Clients with [`defaults`] and what the environment says.
    pub async fn from_env() -> Self {
        let config = defaults().load().await;
        Self::new(&config, &config)
    }
}

/// Settings that all clients share.
///
/// The SDK alone would wait without end and retry from one second on. A caller is better served by an
/// answer: each attempt gets two seconds and the whole operation five. That bounds stalled streams, too, so nothing
/// else watches for them. Items that are read together take a second more where their fast path fails.
#[must_use]
pub fn defaults() -> ConfigLoader {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(Duration::from_secs(2))
        .operation_timeout(Duration::from_secs(5))
        .build();
    let retries = RetryConfig::standard()
        .with_max_attempts(3)
        .with_initial_backoff(Duration::from_millis(25))
        .with_max_backoff(Duration::from_millis(500));
    let https =
        aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(https)
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .timeout_config(timeouts)
        .retry_config(retries)
}

/// What went wrong, as the log may have it: the kind and the service's code. An SDK's own text may hold
/// parts of the request.
pub fn in_words<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    let kind = match error {
        SdkError::TimeoutError(_) => "no answer in time",
        SdkError::DispatchFailure(_) => "no connection",
        SdkError::ResponseError(_) => "an answer that can't be read",
        SdkError::ServiceError(_) => "refused",
        _ => "the request can't be made",
    };
    error.code().map_or_else(|| kind.to_owned(), |code| format!("{kind}: {code}"))
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::error::{ConnectorError, ErrorMetadata};

    use super::*;

    #[test]
    fn an_error_is_told_by_its_kind_and_the_code_of_the_service() {
        let secret = || "mt_live_secret".into();
        let refused = ErrorMetadata::builder().code("Denied").message("mt_live_secret").build();
        for (error, words) in [
            (SdkError::construction_failure(secret()), "the request can't be made"),
            (SdkError::timeout_error(secret()), "no answer in time"),
            (SdkError::dispatch_failure(ConnectorError::io(secret())), "no connection"),
            (SdkError::response_error(secret(), ()), "an answer that can't be read"),
            (SdkError::service_error(refused, ()), "refused: Denied"),
        ] {
            assert_eq!(in_words::<ErrorMetadata, ()>(&error), words);
        }
    }
}
