//! Where the peppers come from: Secrets Manager, whose `AWSCURRENT` and `AWSPREVIOUS` versions they are.

use std::{
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
    time::Duration,
};

use aws_sdk_secretsmanager::{Client, error::SdkError, operation::get_secret_value::GetSecretValueError};
use tokio::{
    sync::{Mutex, MutexGuard},
    time::timeout,
};
use tracing::error;
use zeroize::Zeroizing;

use crate::{
    credentials::pepper::{Pepper, Peppers, ShortPepper},
    primitives::{clock::Clock, timestamp::Timestamp},
    telemetry::{log::TARGET, sdk_error::safe_summary},
};

/// How old the peppers at hand may get before they are fetched again, in seconds.
const MAX_AGE: u32 = 300;
/// How soon they may be fetched again, where that failed, or a digest was made with one that is not at hand, in
/// seconds.
const MIN_AGE: u32 = 10;
/// How long a request waits for what it does not need itself.
const PATIENCE: Duration = Duration::from_secs(1);

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
    /// When they were asked for last.
    asked_at: Timestamp,
    /// Whether they came then.
    came: bool,
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
        let kept = RwLock::new(Kept { peppers, asked_at, came: true });
        Ok(Self { client, secret_id, clock, kept, fetching: Mutex::new(()) })
    }

    /// The peppers at hand. One request that finds them old fetches them again: not behind its back, because Lambda
    /// freezes a program that has answered.
    pub async fn peppers(&self) -> Arc<Peppers> {
        if self.kept().is_old(self.clock.now())
            && let Ok(fetching) = self.fetching.try_lock()
        {
            self.fetch_again(fetching, PATIENCE).await;
        }
        Arc::clone(&self.kept().peppers)
    }

    /// The peppers at hand, which include those known as `versions` if they are in Secrets Manager: they may have come
    /// there since the last look.
    pub async fn peppers_with(&self, versions: impl IntoIterator<Item = &str>) -> Arc<Peppers> {
        let peppers = self.peppers().await;
        if versions.into_iter().all(|version| peppers.of_version(version).is_ok()) {
            return peppers;
        }
        let fetching = self.fetching.lock().await;
        if self.clock.now() >= self.kept().asked_at.plus_seconds(MIN_AGE) {
            self.fetch_again(fetching, Duration::MAX).await;
        }
        Arc::clone(&self.kept().peppers)
    }

    /// Fetches the peppers again. Where they don't come, or not in time, those at hand stay.
    async fn fetch_again(&self, _fetching: MutexGuard<'_, ()>, patience: Duration) {
        let asked_at = self.clock.now();
        // On the heap, because an SDK's futures are large.
        let fetched = timeout(patience, Box::pin(fetch(&self.client, &self.secret_id))).await;
        let fetched = fetched.unwrap_or_else(|late| Err(PepperError::SecretsManager(late.to_string())));
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        (kept.asked_at, kept.came) = (asked_at, fetched.is_ok());
        match fetched {
            Ok(peppers) => kept.peppers = Arc::new(peppers),
            Err(error) => {
                error!(target: TARGET, reason = error.to_string(), "the peppers stay as they were");
            }
        }
    }

    fn kept(&self) -> RwLockReadGuard<'_, Kept> {
        self.kept.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn is_old(&self, now: Timestamp) -> bool {
        now >= self.asked_at.plus_seconds(if self.came { MAX_AGE } else { MIN_AGE })
    }
}

/// Both are asked for at once, since a cold start waits for them. Where the secret is changed between the two answers, the
/// newest but one may be missing, and what it made can't be verified for [`MIN_AGE`].
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
        Err(error) => return Err(PepperError::SecretsManager(safe_summary(&error))),
    };
    let missing = |what: &str| PepperError::SecretsManager(format!("the answer has no {what}"));
    let version = secret.version_id.ok_or_else(|| missing("version"))?;
    let text = secret.secret_string.ok_or_else(|| missing("text"))?;
    Ok(Some(Pepper::new(version, Zeroizing::new(text.into_bytes()))?))
}
