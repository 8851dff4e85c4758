//! Reads secrets from Secrets Manager.

use aws_sdk_secretsmanager::{Client, error::SdkError, operation::get_secret_value::GetSecretValueError};
use zeroize::Zeroizing;

use crate::telemetry::sdk_error::safe_summary;

/// One version of a secret.
pub(crate) struct SecretVersion {
    pub id: String,
    pub value: Zeroizing<Vec<u8>>,
}

/// The reason why a secret could not be read, without any secret.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SecretError(pub(crate) String);

/// Returns the version of the secret with the staging label `stage`, if it exists.
pub(crate) async fn version(
    client: &Client,
    secret_id: &str,
    stage: &str,
) -> Result<Option<SecretVersion>, SecretError> {
    let request = client.get_secret_value().secret_id(secret_id).version_stage(stage);
    // Boxed, because the SDK's futures are large.
    let secret = match Box::pin(request.send()).await {
        Ok(secret) => secret,
        Err(SdkError::ServiceError(error))
            if matches!(error.err(), GetSecretValueError::ResourceNotFoundException(_)) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(SecretError(safe_summary(&error))),
    };
    let missing = |field: &str| SecretError(format!("the response has no {field}"));
    let id = secret.version_id.ok_or_else(|| missing("version id"))?;
    let value = secret.secret_string.ok_or_else(|| missing("secret string"))?;
    Ok(Some(SecretVersion { id, value: Zeroizing::new(value.into_bytes()) }))
}

/// Returns the current version of the secret.
pub(crate) async fn current(client: &Client, secret_id: &str) -> Result<SecretVersion, SecretError> {
    let current = version(client, secret_id, "AWSCURRENT").await?;
    current.ok_or_else(|| SecretError("the secret has no value".to_owned()))
}
