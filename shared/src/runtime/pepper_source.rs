//! Fetches the peppers from Secrets Manager and caches them. The current and the previous pepper are the versions
//! `AWSCURRENT` and `AWSPREVIOUS` of one secret.

use std::{
    collections::HashSet,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use aws_sdk_secretsmanager::Client;
use tokio::{
    sync::{Mutex, MutexGuard},
    time::timeout,
};
use tracing::error;

use crate::{
    credentials::pepper::{Pepper, Peppers, ShortPepper},
    primitives::{clock::Clock, timestamp::Timestamp},
    runtime::secret::{self, SecretError, SecretVersion},
    telemetry::{
        failures::{self, Failure},
        log::TARGET,
    },
};

/// The age at which cached peppers are refreshed, in seconds.
const MAX_AGE: u32 = 300;
/// The minimum time between two requests to Secrets Manager, in seconds. It applies if the first of them failed, or if
/// a digest was computed with a pepper that is not cached.
const RETRY_INTERVAL: u32 = 10;
/// How long a request waits for a refresh that it does not need itself.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// Caches the peppers and refreshes them.
pub(crate) struct PepperSource {
    client: Client,
    secret_id: String,
    clock: Clock,
    cache: RwLock<CachedPeppers>,
    /// The number of refreshes that have started.
    started_refreshes: AtomicU64,
    /// Locked during a refresh, so that there is only one at a time.
    refreshing: Mutex<()>,
}

struct CachedPeppers {
    peppers: Arc<Peppers>,
    /// When the peppers were last requested.
    requested_at: Timestamp,
    /// Whether that request succeeded.
    refreshed: bool,
    /// The number of that refresh. The fetch at the start has the number 0.
    refresh: u64,
    /// Versions of stored digests that Secrets Manager does not have any more.
    lost: HashSet<String>,
}

/// The reason why the peppers are not available.
#[derive(Debug, thiserror::Error)]
pub enum PepperError {
    #[error("cannot get the pepper from Secrets Manager: {0}")]
    SecretsManager(#[from] SecretError),
    #[error(transparent)]
    Short(#[from] ShortPepper),
}

impl PepperSource {
    /// Fetches the peppers for the first time.
    pub async fn open(client: Client, secret_id: String, clock: Clock) -> Result<Self, PepperError> {
        let requested_at = clock.now();
        let peppers = Arc::new(fetch(&client, &secret_id).await?);
        let cache =
            CachedPeppers { peppers, requested_at, refreshed: true, refresh: 0, lost: HashSet::new() };
        Ok(Self {
            client,
            secret_id,
            clock,
            cache: RwLock::new(cache),
            started_refreshes: AtomicU64::new(0),
            refreshing: Mutex::new(()),
        })
    }

    /// Returns the cached peppers. If they are old, one request refreshes them first.
    ///
    /// There is no refresh in the background, because Lambda freezes an execution environment after its response.
    pub async fn peppers(&self) -> Arc<Peppers> {
        if self.cached().is_stale(self.clock.now())
            && let Ok(guard) = self.refreshing.try_lock()
        {
            self.refresh(guard, MAX_WAIT).await;
        }
        Arc::clone(&self.cached().peppers)
    }

    /// Returns the cached peppers. If one of `versions` is not cached, refreshes them first, because the pepper may have
    /// been rotated since the last refresh.
    ///
    /// The digests with these versions must have been read before the call.
    pub async fn peppers_with(&self, versions: impl IntoIterator<Item = &str>) -> Arc<Peppers> {
        let refresh_before = self.started_refreshes.load(Ordering::Relaxed);
        let peppers = self.peppers().await;
        let versions = versions.into_iter().filter(|version| peppers.by_version(version).is_err());
        let unknown: Vec<_> = versions.collect();
        if unknown.is_empty() {
            return peppers;
        }
        let guard = self.refreshing.lock().await;
        if self.clock.now() >= self.cached().requested_at.plus_seconds(RETRY_INTERVAL) {
            self.refresh(guard, Duration::MAX).await;
        }
        let mut cache = self.cached_mut();
        // An earlier refresh may have missed a version that was added after it.
        if cache.refreshed && cache.refresh > refresh_before {
            cache.add_lost(&unknown);
        }
        Arc::clone(&cache.peppers)
    }

    /// Returns true if each of `versions` is cached, or is known to be lost: Secrets Manager does not have it any more. A digest
    /// with a lost version can never be verified, unless an operator restores the version.
    ///
    /// It is false while Secrets Manager does not respond, and until [`peppers_with`](Self::peppers_with) has fetched the peppers
    /// again for a digest with the version.
    pub fn are_cached_or_lost<'a>(&self, versions: impl IntoIterator<Item = &'a str>) -> bool {
        let cache = self.cached();
        let is_lost = |version: &str| cache.refreshed && cache.lost.contains(version);
        versions.into_iter().all(|version| cache.peppers.by_version(version).is_ok() || is_lost(version))
    }

    /// Fetches the peppers again. If that fails or takes longer than `max_wait`, the cached ones stay.
    async fn refresh(&self, _guard: MutexGuard<'_, ()>, max_wait: Duration) {
        let requested_at = self.clock.now();
        let refresh = self.started_refreshes.fetch_add(1, Ordering::Relaxed) + 1;
        // Boxed, because the SDK's futures are large.
        let fetched = timeout(max_wait, Box::pin(fetch(&self.client, &self.secret_id))).await;
        let fetched = fetched.unwrap_or_else(|elapsed| Err(SecretError(elapsed.to_string()).into()));
        let mut cache = self.cached_mut();
        (cache.requested_at, cache.refreshed, cache.refresh) = (requested_at, fetched.is_ok(), refresh);
        match fetched {
            Ok(peppers) => {
                cache.lost.retain(|version| peppers.by_version(version).is_err());
                cache.peppers = Arc::new(peppers);
            }
            Err(error) => {
                failures::count(Failure::PepperRefresh);
                error!(target: TARGET, reason = error.to_string(), "the peppers could not be refreshed");
            }
        }
    }

    fn cached(&self) -> RwLockReadGuard<'_, CachedPeppers> {
        self.cache.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn cached_mut(&self) -> RwLockWriteGuard<'_, CachedPeppers> {
        self.cache.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CachedPeppers {
    fn is_stale(&self, now: Timestamp) -> bool {
        now >= self.requested_at.plus_seconds(if self.refreshed { MAX_AGE } else { RETRY_INTERVAL })
    }

    /// Adds those of `versions` that are not cached to the lost ones. There are few: one for each pepper rotation.
    fn add_lost(&mut self, versions: &[&str]) {
        let lost = versions.iter().filter(|version| self.peppers.by_version(version).is_err());
        self.lost.extend(lost.map(|version| (*version).to_owned()));
    }
}

/// Fetches both versions of the secret concurrently, because a cold start waits for them.
///
/// If the secret is rotated between the two responses, the version that has just become the previous one may be
/// missing. Digests and hashes that were computed with it then cannot be verified for [`RETRY_INTERVAL`].
async fn fetch(client: &Client, secret_id: &str) -> Result<Peppers, PepperError> {
    let (current, previous) =
        tokio::join!(secret::current(client, secret_id), secret::version(client, secret_id, "AWSPREVIOUS"));
    let pepper = |version: SecretVersion| Pepper::new(version.id, version.value);
    Ok(Peppers::new(pepper(current?)?, previous?.map(pepper).transpose()?))
}
