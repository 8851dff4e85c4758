//! Records an authorized request: spends one request of the key's quota, counts it, stores when the credential was last used, and
//! rehashes a digest that was computed with an older pepper. Most requests write nothing to the table.
//!
//! These writes don't affect whether a credential is valid. If one fails or takes too long, the request stays authorized and
//! a warning is logged. A contended counter is different: if concurrent requests of the same key keep its quota from being
//! reserved, the request is over the limit.

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
        batch::NoReservation,
        decision::RateLimitDecision,
        key_use::KeyUse,
        leases::{Leases, SpendResult},
        usage::Delivery,
    },
    runtime::app::App,
    store::StoreError,
    telemetry::{
        error_chain::error_chain,
        failures::{self, Failure},
        log::TARGET,
    },
};
use tokio::time::timeout;
use tracing::warn;

/// How long a request waits for one of these writes.
const WRITE_TIMEOUT: Duration = Duration::from_secs(1);

/// Spends one request of the key's quota. Returns the rate-limit decision, or `None` if the counter could not be written.
pub(crate) async fn record_key_use(
    app: &App,
    leases: &Leases,
    loaded: &LoadedKey,
    token: &ApiKeyToken<'_>,
    peppers: &Peppers,
    key_use: KeyUse,
) -> Result<Option<RateLimitDecision>, Error> {
    let LoadedKey { key, account } = loaded;
    let now = key_use.at;
    let quota = account.quotas.map_or_else(|| app.quotas(), Ok)?.of(key.environment);
    let batch = match leases.spend(key.id, key.counter, quota, now) {
        SpendResult::Decided(decision) => {
            if let (RateLimitDecision::Within(_), Some(used)) = (decision, key_use.previous_secret) {
                leases.remember_previous_secret_use(key.id, used);
            }
            return Ok(Some(decision));
        }
        SpendResult::Reserve(batch) => batch,
    };
    let mut report = leases.take_report(key.id, key_use);
    let reserved = best_effort(app.store.reserve_quota(key, batch, quota, &mut report)).await;
    if matches!(reserved, Some(Err(NoReservation::Contended))) {
        failures::count(Failure::UsageWrite);
    }
    let decision = match reserved {
        // The request is possibly counted as an authorized one already, by a write whose response was lost.
        Some(Err(_)) if report.delivery == Delivery::Unknown => None,
        Some(reserved) => Some(leases.record_reservation(key.id, reserved, quota, now)),
        None => None,
    };
    leases.return_report(key.id, report, decision);
    if decision.is_some()
        && let Some(state) = key.rehashed(token.expose(), peppers)
    {
        best_effort(app.store.replace_key_digests(key, &state)).await;
    }
    Ok(decision)
}

/// Stores when the session was last used, unless it was stored recently.
pub(crate) async fn record_session_use(
    app: &App,
    loaded: &LoadedSession,
    token: &SessionToken<'_>,
    peppers: &Peppers,
    now: Timestamp,
) {
    let session = &loaded.session;
    if session.should_record_use(now) {
        let rehashed = session.digest.rehashed(token.expose(), peppers);
        let digest = rehashed.as_ref().unwrap_or(&session.digest);
        best_effort(app.store.record_session_use(session, digest, now)).await;
    }
}

/// Returns the result of `write`. Logs and counts the failure and returns `None` if it fails or takes longer than [`WRITE_TIMEOUT`].
async fn best_effort<T>(write: impl Future<Output = Result<T, StoreError>>) -> Option<T> {
    // Boxed, because the SDK's futures are large.
    let reason = match timeout(WRITE_TIMEOUT, Box::pin(write)).await {
        Ok(Ok(result)) => return Some(result),
        Ok(Err(error)) => error_chain(&error),
        Err(elapsed) => elapsed.to_string(),
    };
    failures::count(Failure::UsageWrite);
    warn!(target: TARGET, reason, "the use of a credential could not be recorded");
    None
}
