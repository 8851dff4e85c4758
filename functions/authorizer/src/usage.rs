//! What a request that is let in leaves behind: part of its key's quota is spent, its credential was used, and a digest
//! that an older pepper made is made anew. Most requests write nothing.
//!
//! None of it decides whose credential is valid. So where the table can't be written, or not soon, the request passes,
//! and the log tells. Where other requests of a key keep its quota from being counted, that is no such case: it is over its
//! limit.

use std::time::Duration;

use shared::{
    authorization::decision::{LoadedKey, LoadedSession},
    credentials::{
        pepper::Peppers,
        token::{ApiKeyToken, SessionToken},
    },
    error::Error,
    primitives::timestamp::Timestamp,
    rate_limit::{
        decision::RateLimitDecision,
        leases::{Leases, SpendResult},
    },
    runtime::app::App,
    store::StoreError,
    telemetry::{error_chain::error_chain, log::TARGET},
};
use tokio::time::timeout;
use tracing::warn;

/// How long a request waits for a write.
const PATIENCE: Duration = Duration::from_secs(1);

/// Spends one request of the key's quota. Returns how its limit stands, or `None` where that can't be told.
pub(crate) async fn of_key(
    app: &App,
    leases: &Leases,
    found: &LoadedKey,
    token: &ApiKeyToken<'_>,
    peppers: &Peppers,
    now: Timestamp,
) -> Result<Option<RateLimitDecision>, Error> {
    let LoadedKey { key, account } = found;
    let quota = account.quotas.map_or_else(|| app.quotas(), Ok)?.of(key.environment);
    let wanted = match leases.spend(key.id, key.counter, quota, now) {
        SpendResult::Done(verdict) => return Ok(Some(verdict)),
        SpendResult::Take(wanted) => wanted,
    };
    let Some(batch) = best_effort(app.store.reserve_quota(key, wanted, quota, now)).await else {
        return Ok(None);
    };
    if let Some(state) = key.rehashed(token.expose(), peppers) {
        best_effort(app.store.rehash_key(key, &state)).await;
    }
    Ok(Some(leases.keep(key.id, batch, quota, now)))
}

/// Writes down that the session is used, where that was last done a while ago.
pub(crate) async fn of_session(
    app: &App,
    found: &LoadedSession,
    token: &SessionToken<'_>,
    peppers: &Peppers,
    now: Timestamp,
) {
    let session = &found.session;
    if session.should_record_use(now) {
        let rehashed = session.digest.rehashed(token.expose(), peppers);
        let digest = rehashed.as_ref().unwrap_or(&session.digest);
        best_effort(app.store.use_session(session, digest, now)).await;
    }
}

/// What `write` comes to, where it does so soon.
async fn best_effort<T>(write: impl Future<Output = Result<T, StoreError>>) -> Option<T> {
    // On the heap, because an SDK's futures are large.
    let reason = match timeout(PATIENCE, Box::pin(write)).await {
        Ok(Ok(done)) => return Some(done),
        Ok(Err(error)) => error_chain(&error),
        Err(late) => late.to_string(),
    };
    warn!(target: TARGET, reason, "the use of a credential could not be written down");
    None
}
