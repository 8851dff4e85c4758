//! The clients of AWS services, and their timeouts and retries.

use std::time::Duration;

pub use aws_config::SdkConfig;
use aws_config::{
    BehaviorVersion, ConfigLoader,
    environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider},
    retry::RetryConfig,
    stalled_stream_protection::StalledStreamProtectionConfig,
    timeout::TimeoutConfig,
};
use aws_sdk_dynamodb::config::{Builder as DynamoDbConfig, retry::RetryPartition};
use aws_sdk_lambda::config::Builder as LambdaConfig;
use aws_sdk_secretsmanager::config::Builder as SecretsManagerConfig;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};

use crate::{store::DynamoDb, telemetry::dynamodb_calls::Counter};

/// The clients of AWS services.
#[derive(Debug, Clone)]
pub struct Aws {
    pub dynamodb: DynamoDb,
    pub secrets_manager: aws_sdk_secretsmanager::Client,
    pub lambda: aws_sdk_lambda::Client,
    /// The settings of the client of SES. Only one function has such a client, so it creates the client itself.
    pub ses_config: SdkConfig,
}

/// The settings of the clients. They differ only on the local gateway, where each service has a URL of its own.
#[derive(Debug, Clone)]
pub struct AwsConfigs {
    pub dynamodb: SdkConfig,
    pub secrets_manager: SdkConfig,
    pub lambda: SdkConfig,
    pub ses: SdkConfig,
}

impl AwsConfigs {
    /// Uses the same settings for all clients.
    #[must_use]
    pub fn all(config: SdkConfig) -> Self {
        let [dynamodb, secrets_manager, lambda] = [(); 3].map(|()| config.clone());
        Self { dynamodb, secrets_manager, lambda, ses: config }
    }
}

impl Aws {
    /// Creates clients with these settings.
    ///
    /// Each client has its own retry quota. By default, all clients of a process share one. In Lambda this makes no
    /// difference, but if several functions run in one process, one function could exhaust the quota of the others.
    #[must_use]
    pub fn new(configs: &AwsConfigs) -> Self {
        let AwsConfigs { dynamodb, secrets_manager, lambda, ses } = configs;
        let quota = |service| RetryPartition::custom(service).build();
        let dynamodb = DynamoDbConfig::from(dynamodb).interceptor(Counter).retry_partition(quota("dynamodb"));
        let secrets_manager =
            SecretsManagerConfig::from(secrets_manager).retry_partition(quota("secretsmanager"));
        let lambda = LambdaConfig::from(lambda).retry_partition(quota("lambda"));
        Self {
            dynamodb: DynamoDb::new(dynamodb),
            secrets_manager: aws_sdk_secretsmanager::Client::from_conf(secrets_manager.build()),
            lambda: aws_sdk_lambda::Client::from_conf(lambda.build()),
            ses_config: ses.clone(),
        }
    }

    /// Creates clients with the [`settings_on_lambda`].
    pub(crate) async fn for_lambda(trust_store: TrustStore) -> Self {
        Self::new(&AwsConfigs::all(settings_on_lambda(trust_store).load().await))
    }
}

/// Returns the settings that all clients of a Lambda function share. The clients use the region and the credentials that Lambda passes in
/// environment variables, and trust the roots in `trust_store`.
///
/// The SDK's default chain of credentials also prepares sources that Lambda does not have, and a second HTTP client for one of them.
pub(super) fn settings_on_lambda(trust_store: TrustStore) -> ConfigLoader {
    settings(trust_store)
        .region(EnvironmentVariableRegionProvider::new())
        .credentials_provider(EnvironmentVariableCredentialsProvider::new())
}

/// Returns the settings that all clients share, for a program that does not run on Lambda. They trust the roots of the system.
#[must_use]
pub fn settings_with_system_roots() -> ConfigLoader {
    settings(TrustStore::default())
}

/// Returns the settings that all clients share. They trust the roots in `trust_store`.
///
/// The SDK has no operation timeout by default, and its first retry may come a second later. Here an attempt may take two
/// seconds and an operation five, so that a caller gets an error response in time. These timeouts also end stalled streams,
/// so stalled stream protection is disabled. A read of several items can take one second longer if its direct
/// `BatchGetItem` times out first.
fn settings(trust_store: TrustStore) -> ConfigLoader {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(Duration::from_secs(2))
        .operation_timeout(Duration::from_secs(5))
        .build();
    let retries = RetryConfig::standard()
        .with_max_attempts(3)
        .with_initial_backoff(Duration::from_millis(25))
        .with_max_backoff(Duration::from_millis(500));
    let tls = TlsContext::builder()
        .with_trust_store(trust_store)
        .build()
        .expect("a trust store is a complete context");
    let https = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(tls)
        .build_https();
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(https)
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .timeout_config(timeouts)
        .retry_config(retries)
}
