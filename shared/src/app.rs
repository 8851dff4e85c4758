//! What a function works with, made once at its start.

use std::sync::Arc;

use crate::{
    aws::Aws,
    clock::Clock,
    config::{Config, ConfigError},
    error::Error,
    origin::Origin,
    pepper::Peppers,
    pepper_source::{PepperError, PepperSource},
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
    /// The web origin whose pages may read answers.
    pub allowed_origin: Origin,
    peppers: Option<Arc<PepperSource>>,
}

/// Why a function can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The environment is incomplete.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The peppers can't be had.
    #[error(transparent)]
    Pepper(#[from] PepperError),
}

impl App {
    /// What a function works with, as `config` tells, with the peppers fetched where it names their secret.
    ///
    /// # Errors
    /// When the peppers can't be had: without them nothing could be verified.
    pub async fn new(config: Config, aws: Aws, clock: Clock, random: Random) -> Result<Self, StartError> {
        let peppers = match config.pepper_secret_id {
            Some(id) => Some(Arc::new(PepperSource::open(aws.secrets_manager, id, clock.clone()).await?)),
            None => None,
        };
        let store = Store::new(aws.dynamodb, config.table_name);
        Ok(Self { store, clock, random, allowed_origin: config.allowed_origin, peppers })
    }

    /// The peppers, to make digests and hashes with.
    ///
    /// # Errors
    /// When the template gave this function none.
    pub fn peppers(&self) -> Result<Arc<Peppers>, Error> {
        Ok(self.pepper_source()?.peppers())
    }

    /// The peppers, to verify with what was made with the one known as `version`, or where there is none,
    /// to do the same work.
    ///
    /// # Errors
    /// When the template gave this function none.
    pub async fn peppers_with(&self, version: Option<&str>) -> Result<Arc<Peppers>, Error> {
        let source = self.pepper_source()?;
        Ok(match version {
            Some(version) => source.peppers_with(version).await,
            None => source.peppers(),
        })
    }

    fn pepper_source(&self) -> Result<&Arc<PepperSource>, Error> {
        self.peppers.as_ref().ok_or_else(|| Error::internal("this function was given no peppers"))
    }
}
