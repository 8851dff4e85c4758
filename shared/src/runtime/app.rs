//! The state of a function that all its invocations share.

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

/// The state of a function, created when it starts and shared by all its invocations.
pub struct App {
    /// The function's name in Lambda.
    pub function_name: String,
    pub store: Store,
    pub clock: Clock,
    pub random: Random,
    /// The web origin whose pages may read responses.
    pub allowed_origin: Origin,
    quotas: Option<Quotas>,
    peppers: Option<PepperSource>,
}

/// The reason why a function cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Pepper(#[from] PepperError),
}

impl App {
    /// Creates the state of a function. Fetches the peppers if `config` names their secret, and makes one read from the
    /// table if `config` enables the warming read.
    ///
    /// A failed warming read is only logged, because the table may be available again when the first request arrives.
    ///
    /// # Errors
    /// If the peppers cannot be fetched: without them, no credential can be verified.
    pub async fn new(config: Config, aws: Aws, clock: Clock, random: Random) -> Result<Self, StartError> {
        let store = Store::new(aws.dynamodb, config.table_name);
        let fetch = async {
            match config.pepper_secret_id {
                Some(id) => PepperSource::open(aws.secrets_manager, id, clock.clone()).await.map(Some),
                None => Ok(None),
            }
        };
        // Boxed, because the SDK's futures are large.
        let warm = async { if config.warming_read { Box::pin(store.warm_up()).await } else { Ok(()) } };
        let (peppers, warmed) = tokio::join!(fetch, warm);
        if let Err(error) = warmed {
            warn!(target: TARGET, reason = error_chain(&error), "the warming read failed");
        }
        let Config { function_name, allowed_origin, quotas, .. } = config;
        Ok(Self { function_name, store, clock, random, allowed_origin, quotas, peppers: peppers? })
    }

    /// Returns the peppers for new digests and hashes.
    ///
    /// # Errors
    /// If the template gives this function no peppers.
    pub async fn peppers(&self) -> Result<Arc<Peppers>, Error> {
        Ok(self.pepper_source()?.peppers().await)
    }

    /// Returns the peppers for the verification of digests and hashes that were computed with these pepper versions.
    /// Fetches the peppers again if one of the versions is not cached.
    ///
    /// A caller that found nothing to verify passes no versions.
    ///
    /// # Errors
    /// If the template gives this function no peppers.
    pub async fn peppers_with(
        &self,
        versions: impl IntoIterator<Item = &str>,
    ) -> Result<Arc<Peppers>, Error> {
        Ok(self.pepper_source()?.peppers_with(versions).await)
    }

    /// Returns the quotas of API keys whose account has no quotas of its own.
    ///
    /// # Errors
    /// If the template gives this function no quotas.
    pub fn quotas(&self) -> Result<Quotas, Error> {
        self.quotas.ok_or_else(|| Error::internal("the template gives this function no quotas"))
    }

    fn pepper_source(&self) -> Result<&PepperSource, Error> {
        self.peppers.as_ref().ok_or_else(|| Error::internal("the template gives this function no peppers"))
    }
}
