//! What a function works with, made once at its start.

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::{
    aws::{self, Aws},
    clock::Clock,
    config::{Config, ConfigError},
    error::Error,
    pepper::{Pepper, ShortPepper},
    random::Random,
    store::Store,
};

/// What a function works with.
pub struct App {
    /// The table.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// The randomness.
    pub random: Random,
    pepper: Option<Arc<Pepper>>,
}

/// Why a function can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The environment is incomplete.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Secrets Manager did not answer with the pepper.
    #[error("the pepper can't be had from Secrets Manager: {0}")]
    Secret(String),
    /// The pepper is too short to be one.
    #[error(transparent)]
    Pepper(#[from] ShortPepper),
}

impl App {
    /// What a function works with, as `config` tells, with the pepper fetched where it names one.
    ///
    /// # Errors
    /// When the pepper can't be had: without it nothing could be verified.
    pub async fn new(config: Config, aws: Aws, clock: Clock, random: Random) -> Result<Self, StartError> {
        let pepper = match &config.pepper_secret_id {
            Some(id) => Some(Arc::new(fetch_pepper(&aws.secrets_manager, id).await?)),
            None => None,
        };
        Ok(Self { store: Store::new(aws.dynamodb, config.table_name), clock, random, pepper })
    }

    /// The pepper.
    ///
    /// # Errors
    /// When the template gave this function none.
    pub fn pepper(&self) -> Result<Arc<Pepper>, Error> {
        self.pepper.clone().ok_or_else(|| Error::internal("this function was given no pepper"))
    }
}

async fn fetch_pepper(client: &aws_sdk_secretsmanager::Client, id: &str) -> Result<Pepper, StartError> {
    let secret = client
        .get_secret_value()
        .secret_id(id)
        .send()
        .await
        .map_err(|error| StartError::Secret(aws::in_words(&error)))?;
    let missing = |what: &str| StartError::Secret(format!("the answer has no {what}"));
    let version = secret.version_id.ok_or_else(|| missing("version"))?;
    let text = secret.secret_string.ok_or_else(|| missing("text"))?;
    Ok(Pepper::new(version, Zeroizing::new(text.into_bytes()))?)
}
