//! Leases: the parts of keys' quotas that this execution environment has reserved and not yet spent.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    primitives::{
        id::KeyId,
        quota::{Counter, Quota, Window},
        timestamp::Timestamp,
    },
    rate_limit::{
        batch::{Batch, NoReservation, ReservedBatch},
        decision::{RateLimitDecision, RateLimitStatus},
    },
};

/// A batch has at most [`MAX_BATCH_SIZE`] requests, and at most the quota divided by this. Other execution environments
/// cannot use the unspent rest of a batch before the window ends, so a batch must be a small part of the quota.
const MAX_BATCH_DIVISOR: u32 = 4;
const MAX_BATCH_SIZE: u32 = 100;
/// Seconds until a client should retry if its request could not be counted because of contention.
const CONTENDED_RETRY_SECONDS: u32 = 1;
/// The maximum number of keys with a stored lease. If there are more, all leases are discarded.
pub(super) const MAX_LEASES: usize = 10_000;

/// The leases of this execution environment, by API key.
#[derive(Debug, Default)]
pub struct Leases(Mutex<HashMap<KeyId, Lease>>);

#[derive(Debug)]
struct Lease {
    window: Window,
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
        let lease = leases.entry(key).or_insert_with(|| Lease::new(window));
        lease.advance_to(window);
        // If the quota was lowered below what is already reserved, the unspent requests are void.
        if counter.is_some_and(|counter| counter.window == lease.window && counter.reserved > quota.get()) {
            lease.unspent = 0;
        }
        if lease.unspent > 0 {
            lease.unspent -= 1;
            lease.spent += 1;
            return SpendResult::Decided(RateLimitDecision::Within(lease.status(counter, quota, now)));
        }
        let status = lease.status(counter, quota, now);
        if status.remaining == 0 {
            return SpendResult::Decided(RateLimitDecision::Exceeded(status));
        }
        SpendResult::Reserve(Batch { window: lease.window, size: lease.batch_size(quota) })
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
        let mut leases = self.lock();
        let lease = leases.entry(key).or_insert_with(|| Lease::new(counter.window));
        lease.advance_to(counter.window);
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

    fn lock(&self) -> MutexGuard<'_, HashMap<KeyId, Lease>> {
        // If a thread panicked while it held the lock, at worst a lease is lost, so the map is still usable.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    fn new(window: Window) -> Self {
        Self { window, unspent: 0, spent: 0, spent_in_previous_window: 0 }
    }

    /// Moves on to `window` if it is later than the lease's. Unspent requests of the earlier window are void.
    fn advance_to(&mut self, window: Window) {
        if window > self.window {
            let spent_in_previous_window = if window.follows(self.window) { self.spent } else { 0 };
            *self = Self { spent_in_previous_window, ..Self::new(window) };
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
        RateLimitStatus { quota, remaining, resets_in: self.window.ends_in(now) }
    }
}
