//! The clients of AWS's services, and how patient they are.

use std::time::Duration;

use aws_config::{
    BehaviorVersion, ConfigLoader, SdkConfig, retry::RetryConfig,
    stalled_stream_protection::StalledStreamProtectionConfig, timeout::TimeoutConfig,
};
use aws_sdk_dynamodb::config::{Builder as DynamoDbConfig, retry::RetryPartition};
use aws_sdk_secretsmanager::config::Builder as SecretsManagerConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

use crate::{store::DynamoDb, telemetry::dynamodb_calls::Counter};

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
