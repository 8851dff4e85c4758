//! Where the peppers come from: Secrets Manager, whose `AWSCURRENT` and `AWSPREVIOUS` versions they are.

use std::sync::{Arc, PoisonError, RwLock};

use aws_sdk_secretsmanager::{Client, error::SdkError, operation::get_secret_value::GetSecretValueError};
use tokio::sync::Mutex;
use tracing::error;
use zeroize::Zeroizing;

use crate::{
    aws,
    clock::Clock,
    pepper::{Pepper, Peppers, ShortPepper},
    telemetry::TARGET,
    timestamp::Timestamp,
};

/// How old the peppers at hand may get before they are fetched again, in seconds.
const MAX_AGE: u32 = 300;
/// How soon they may be fetched again, where a digest was made with one that is not at hand, in seconds.
const MIN_AGE: u32 = 10;

/// Keeps the peppers at hand, and fetches them again from time to time.
pub(crate) struct PepperSource {
    client: Client,
    secret_id: String,
    clock: Clock,
    kept: RwLock<Kept>,
    /// Held by whoever fetches.
    fetching: Mutex<()>,
}

struct Kept {
    peppers: Arc<Peppers>,
    /// When they were asked for last, whether or not they came.
    asked_at: Timestamp,
}

/// The peppers can't be had.
#[derive(Debug, thiserror::Error)]
pub enum PepperError {
    /// Secrets Manager did not answer with them.
    #[error("the pepper can't be had from Secrets Manager: {0}")]
    SecretsManager(String),
    /// A pepper is too short to be one.
    #[error(transparent)]
    Short(#[from] ShortPepper),
}

impl PepperSource {
    /// Fetches the peppers for the first time.
    pub async fn open(client: Client, secret_id: String, clock: Clock) -> Result<Self, PepperError> {
        let asked_at = clock.now();
        let peppers = Arc::new(fetch(&client, &secret_id).await?);
        let kept = RwLock::new(Kept { peppers, asked_at });
        Ok(Self { client, secret_id, clock, kept, fetching: Mutex::new(()) })
    }

    /// The peppers at hand. Where they are old, they are fetched again meanwhile, for whoever asks next.
    pub fn peppers(self: &Arc<Self>) -> Arc<Peppers> {
        let (peppers, old) = self.kept(MAX_AGE);
        if old {
            let source = Arc::clone(self);
            tokio::spawn(async move { source.fetch_again(MAX_AGE).await });
        }
        peppers
    }

    /// The peppers at hand, which include the one known as `version` if there is one in Secrets Manager:
    /// it may have come there since the last look.
    pub async fn peppers_with(self: &Arc<Self>, version: &str) -> Arc<Peppers> {
        let peppers = self.peppers();
        if peppers.of_version(version).is_ok() {
            return peppers;
        }
        self.fetch_again(MIN_AGE).await;
        self.kept(MIN_AGE).0
    }

    /// Fetches the peppers again, unless that was tried less than `age` seconds ago. Where it fails, those
    /// at hand stay.
    async fn fetch_again(&self, age: u32) {
        let _fetching = self.fetching.lock().await;
        if !self.kept(age).1 {
            return;
        }
        let fetched = fetch(&self.client, &self.secret_id).await;
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        kept.asked_at = self.clock.now();
        match fetched {
            Ok(peppers) => kept.peppers = Arc::new(peppers),
            Err(error) => {
                error!(target: TARGET, reason = error.to_string(), "the peppers stay as they were");
            }
        }
    }

    /// The peppers at hand, and whether they were asked for `age` seconds ago or more.
    fn kept(&self, age: u32) -> (Arc<Peppers>, bool) {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        (Arc::clone(&kept.peppers), self.clock.now() >= kept.asked_at.plus_seconds(age))
    }
}

async fn fetch(client: &Client, secret_id: &str) -> Result<Peppers, PepperError> {
    let (current, previous) =
        tokio::join!(version(client, secret_id, "AWSCURRENT"), version(client, secret_id, "AWSPREVIOUS"));
    let missing = || PepperError::SecretsManager("the secret has no value".to_owned());
    Ok(Peppers::new(current?.ok_or_else(missing)?, previous?))
}

/// The version of the secret that is labelled `stage`, if there is one.
async fn version(client: &Client, secret_id: &str, stage: &str) -> Result<Option<Pepper>, PepperError> {
    let answer = client.get_secret_value().secret_id(secret_id).version_stage(stage).send().await;
    let secret = match answer {
        Ok(secret) => secret,
        Err(SdkError::ServiceError(error))
            if matches!(error.err(), GetSecretValueError::ResourceNotFoundException(_)) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(PepperError::SecretsManager(aws::in_words(&error))),
    };
    let missing = |what: &str| PepperError::SecretsManager(format!("the answer has no {what}"));
    let version = secret.version_id.ok_or_else(|| missing("version"))?;
    let text = secret.secret_string.ok_or_else(|| missing("text"))?;
    Ok(Some(Pepper::new(version, Zeroizing::new(text.into_bytes()))?))
}
