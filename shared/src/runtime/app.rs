//! What a function works with, made once at its start.

use std::sync::Arc;

use tracing::warn;

use crate::{
    credentials::pepper::Peppers,
    error::Error,
    primitives::{clock::Clock, origin::Origin, quota::Quotas, random::Random},
    runtime::{
        aws::Aws,
        config::{Config, ConfigError},
        pepper_source::{PepperError, PepperSource},
    },
    store::Store,
    telemetry::{error_chain::error_chain, log::TARGET},
};

/// What a function works with.
pub struct App {
    /// The function's name in Lambda.
    pub function_name: String,
    /// The table.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// The randomness.
    pub random: Random,
    /// The web origin whose pages may read answers.
    pub allowed_origin: Origin,
    quotas: Option<Quotas>,
    peppers: Option<PepperSource>,
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
    /// What a function works with, as `config` tells, with the peppers fetched where it names their secret, and the
    /// table read once where it says so. That one may fail: the table may be down for now.
    ///
    /// # Errors
    /// When the peppers can't be had: without them nothing could be verified.
    pub async fn new(config: Config, aws: Aws, clock: Clock, random: Random) -> Result<Self, StartError> {
        let store = Store::new(aws.dynamodb, config.table_name);
        let fetch = async {
            match config.pepper_secret_id {
                Some(id) => PepperSource::open(aws.secrets_manager, id, clock.clone()).await.map(Some),
                None => Ok(None),
            }
        };
        // On the heap, because an SDK's futures are large.
        let warm = async { if config.warming_read { Box::pin(store.warm_up()).await } else { Ok(()) } };
        let (peppers, warmed) = tokio::join!(fetch, warm);
        if let Err(error) = warmed {
            warn!(target: TARGET, reason = error_chain(&error), "the warming read failed");
        }
        let Config { function_name, allowed_origin, quotas, .. } = config;
        Ok(Self { function_name, store, clock, random, allowed_origin, quotas, peppers: peppers? })
    }

    /// The peppers, to make digests and hashes with.
    ///
    /// # Errors
    /// When the template gave this function none.
    pub async fn peppers(&self) -> Result<Arc<Peppers>, Error> {
        Ok(self.pepper_source()?.peppers().await)
    }

    /// The peppers, to verify with what was made with those known as `versions`, or where there is none, to do the
    /// same work.
    ///
    /// # Errors
    /// When the template gave this function none.
    pub async fn peppers_with(
        &self,
        versions: impl IntoIterator<Item = &str>,
    ) -> Result<Arc<Peppers>, Error> {
        Ok(self.pepper_source()?.peppers_with(versions).await)
    }

    /// The quotas of keys of accounts that have no others.
    ///
    /// # Errors
    /// When the template gave this function none.
    pub fn quotas(&self) -> Result<Quotas, Error> {
        self.quotas.ok_or_else(|| Error::internal("this function was given no quotas"))
    }

    fn pepper_source(&self) -> Result<&PepperSource, Error> {
        self.peppers.as_ref().ok_or_else(|| Error::internal("this function was given no peppers"))
    }
}
