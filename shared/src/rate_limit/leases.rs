//! Leases: the parts of keys' quotas that this execution environment has reserved and not yet spent.

use std::{
    collections::HashMap,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    primitives::{
        id::KeyId,
        quota::{Counter, Quota, Window},
        timestamp::Timestamp,
        usage::{Counts, Day},
    },
    rate_limit::{
        batch::{Batch, NoReservation, ReservedBatch},
        decision::{RateLimitDecision, RateLimitStatus},
        key_use::{KeyUse, PreviousSecretUse},
        usage::{Unreported, UsageReport},
    },
};

/// A batch has at most [`MAX_BATCH_SIZE`] requests, and at most the quota divided by this. Other execution environments
/// cannot use the unspent rest of a batch before the window ends, so a batch must be a small part of the quota.
const MAX_BATCH_DIVISOR: u32 = 4;
const MAX_BATCH_SIZE: u32 = 100;
/// The number of seconds after which an execution environment regards a window that it has seen as ended: the length of a window
/// plus five, because an environment reads its clock before it reads the counter.
const SEEN_WINDOW_SECONDS: u32 = 65;
/// Seconds until a client should retry if its request could not be counted because of contention.
const CONTENDED_RETRY_SECONDS: u32 = 1;
/// The maximum number of keys with a stored lease. If there are more, all leases are discarded.
pub(super) const MAX_LEASES: usize = 10_000;

/// The leases of this execution environment, by API key.
#[derive(Debug, Default)]
pub struct Leases(Mutex<HashMap<KeyId, KeyLease>>);

#[derive(Debug)]
struct KeyLease {
    lease: Lease,
    unreported: Unreported,
}

#[derive(Debug)]
struct Lease {
    window: Window,
    /// When this execution environment first saw the window, by its own clock.
    since: Timestamp,
    /// Requests that are reserved and not yet spent.
    unspent: u32,
    /// Requests that were spent in the window.
    spent: u32,
    spent_in_previous_window: u32,
}

/// The result of [`Leases::spend`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpendResult {
    /// The request was spent from the lease, or the quota is exhausted.
    Decided(RateLimitDecision),
    /// The lease is empty. The caller has to reserve this batch and pass the result to [`Leases::record_reservation`].
    Reserve(Batch),
}

impl Leases {
    /// Spends one request of the key. `counter` is the key's counter as last read from the table.
    pub fn spend(&self, key: KeyId, counter: Option<Counter>, quota: Quota, now: Timestamp) -> SpendResult {
        let mut leases = self.lock();
        if leases.len() >= MAX_LEASES && !leases.contains_key(&key) {
            leases.clear();
        }
        let window = counter.map_or(Window::at(now), |counter| counter.window.max(Window::at(now)));
        let KeyLease { lease, unreported } = leases.entry(key).or_insert_with(|| KeyLease::new(window, now));
        if let Some(replaced) = lease.follow(counter, now) {
            let size = lease.batch_size(quota);
            return SpendResult::Reserve(Batch { window: Window::at(now), size, replaces: Some(replaced) });
        }
        // If the quota was lowered below what is already reserved, the unspent requests are void.
        if counter.is_some_and(|counter| counter.window == lease.window && counter.reserved > quota.get()) {
            lease.unspent = 0;
        }
        if lease.unspent > 0 {
            lease.unspent -= 1;
            lease.spent += 1;
            unreported.count(Day::at(now), Counts::ONE_REQUEST);
            return SpendResult::Decided(RateLimitDecision::Within(lease.status(counter, quota, now)));
        }
        let status = lease.status(counter, quota, now);
        if status.remaining == 0 {
            unreported.count(Day::at(now), Counts::ONE_RATE_LIMITED);
            return SpendResult::Decided(RateLimitDecision::Exceeded(status));
        }
        SpendResult::Reserve(Batch { window: lease.window, size: lease.batch_size(quota), replaces: None })
    }

    /// Adds a reserved batch to the key's lease and spends one request of it. If no batch was reserved, the request is over
    /// the limit.
    pub fn record_reservation(
        &self,
        key: KeyId,
        reserved: Result<ReservedBatch, NoReservation>,
        quota: Quota,
        now: Timestamp,
    ) -> RateLimitDecision {
        let mut leases = self.lock();
        if reserved.is_err()
            && let Some(KeyLease { unreported, .. }) = leases.get_mut(&key)
        {
            unreported.count(Day::at(now), Counts::ONE_RATE_LIMITED);
        }
        let counter = match reserved {
            Ok(ReservedBatch { counter, .. }) | Err(NoReservation::Exhausted(counter)) => counter,
            Err(NoReservation::Contended) => {
                return RateLimitDecision::Exceeded(RateLimitStatus {
                    quota,
                    remaining: 0,
                    resets_in: CONTENDED_RETRY_SECONDS,
                });
            }
        };
        let lease = &mut leases.entry(key).or_insert_with(|| KeyLease::new(counter.window, now)).lease;
        lease.see(counter.window, now);
        match reserved {
            Ok(ReservedBatch { size, .. }) => {
                // If the batch's window has ended in the meantime, the batch only covers this request.
                if lease.window == counter.window {
                    lease.unspent += size - 1;
                    lease.spent += 1;
                }
                RateLimitDecision::Within(lease.status(Some(counter), quota, now))
            }
            Err(_) => RateLimitDecision::Exceeded(lease.status(Some(counter), quota, now)),
        }
    }

    /// Remembers a use of the key's previous secret until the next report. It has no effect if the key has no lease.
    pub fn remember_previous_secret_use(&self, key: KeyId, used: PreviousSecretUse) {
        if let Some(KeyLease { unreported, .. }) = self.lock().get_mut(&key) {
            unreported.add_previous_secret_use(Some(used));
        }
    }

    /// Returns a report of what was counted for the key since the last report, and of the request that waits for a reservation.
    /// The caller has to [return](Self::return_report) the report after the reservation. If it does not, the report is lost.
    pub fn take_report(&self, key: KeyId, key_use: KeyUse) -> UsageReport {
        let unreported = self.lock().get_mut(&key).map(|lease| mem::take(&mut lease.unreported));
        UsageReport::new(unreported.unwrap_or_default(), key_use)
    }

    /// Remembers what `report` contains until the next report, except what was or may have been stored. `decision` is the decision
    /// on the request that waited for the reservation, or `None` if it was authorized without being counted against the limit.
    pub fn return_report(&self, key: KeyId, report: UsageReport, decision: Option<RateLimitDecision>) {
        if let Some(KeyLease { unreported, .. }) = self.lock().get_mut(&key) {
            unreported.add(report.into_unreported(decision));
        }
    }

    /// Returns the window of the key's lease.
    #[cfg(test)]
    pub(super) fn window(&self, key: KeyId) -> Option<Window> {
        self.lock().get(&key).map(|KeyLease { lease, .. }| lease.window)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<KeyId, KeyLease>> {
        // If a thread panicked while it held the lock, at worst a lease is lost, so the map is still usable.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyLease {
    fn new(window: Window, since: Timestamp) -> Self {
        Self { lease: Lease::new(window, since), unreported: Unreported::default() }
    }
}

impl Lease {
    fn new(window: Window, since: Timestamp) -> Self {
        Self { window, since, unspent: 0, spent: 0, spent_in_previous_window: 0 }
    }

    /// Moves on to the current window. `counter` is the key's counter as last read.
    ///
    /// The window of the counter may have been started by a clock that is ahead. That window began before this execution
    /// environment saw it, so it is over [`SEEN_WINDOW_SECONDS`] later, whatever this environment's own clock says. Then the
    /// environment starts the window after it. So windows never follow each other faster than on the fastest clock, unless a
    /// clock is set forward.
    ///
    /// If the counter is more than a week ahead, the clock that started it was wrong, and the window of this environment's clock
    /// replaces it instead. In this case, returns the window to replace.
    fn follow(&mut self, counter: Option<Counter>, now: Timestamp) -> Option<Window> {
        if let Some(counter) = counter {
            self.see(counter.window, now);
        }
        // A request may be a little older than the one that saw the window. Otherwise, the clock was set back.
        if self.since > now.plus_seconds(SEEN_WINDOW_SECONDS) {
            self.since = now;
        }
        let own = Window::at(now);
        let windows = (now.unix_seconds() - self.since.unix_seconds()) / i64::from(SEEN_WINDOW_SECONDS);
        if self.window.is_far_ahead_of(own) {
            return (windows > 0 && counter.is_some_and(|counter| counter.window == self.window))
                .then_some(self.window);
        }
        let seconds = u32::try_from(windows).unwrap_or(0).saturating_mul(SEEN_WINDOW_SECONDS);
        self.advance_to(self.window.plus(windows), self.since.plus_seconds(seconds));
        self.advance_to(own, now);
        None
    }

    /// Moves to the window of a counter that was read or written, if it is later than the lease's or has replaced it.
    fn see(&mut self, window: Window, now: Timestamp) {
        if window < self.window && self.window.is_far_ahead_of(Window::at(now)) {
            *self = Self { spent_in_previous_window: self.spent, ..Self::new(window, now) };
        }
        self.advance_to(window, now);
    }

    /// Moves on to `window` if it is later than the lease's. Unspent requests of the earlier window are void.
    fn advance_to(&mut self, window: Window, since: Timestamp) {
        if window > self.window {
            let spent_in_previous_window = if window.follows(self.window) { self.spent } else { 0 };
            *self = Self { spent_in_previous_window, ..Self::new(window, since) };
        }
    }

    /// Returns the number of requests that this execution environment is likely to need: the recent number plus a quarter.
    fn batch_size(&self, quota: Quota) -> u32 {
        let recent = self.spent.max(self.spent_in_previous_window);
        let max = (quota.get() / MAX_BATCH_DIVISOR).clamp(1, MAX_BATCH_SIZE);
        recent.saturating_add(recent / 4).clamp(1, max)
    }

    fn status(&self, counter: Option<Counter>, quota: Quota, now: Timestamp) -> RateLimitStatus {
        let reserved =
            counter.filter(|counter| counter.window == self.window).map_or(0, |counter| counter.reserved);
        let remaining = quota.get().saturating_sub(reserved) + self.unspent;
        RateLimitStatus { quota, remaining, resets_in: self.ends_in(now) }
    }

    /// Returns the number of seconds until the window ends for this execution environment. It is at least 1.
    fn ends_in(&self, now: Timestamp) -> u32 {
        let end = self.window.ends_at().min(self.since.plus_seconds(SEEN_WINDOW_SECONDS).unix_seconds());
        u32::try_from(end - now.unix_seconds()).unwrap_or(0).max(1)
    }
}
