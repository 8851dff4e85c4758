//! What this program has taken of keys' quotas and not spent yet.

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

/// The largest batch, as a part of the quota and as a number. What one program leaves unspent is lost to the
/// others until the window ends, so it may not be much of the quota.
const LARGEST_PART: u32 = 4;
const LARGEST: u32 = 100;
/// In how many seconds a request may come again that found the counter crowded.
const CROWDED_SECONDS: u32 = 1;
/// How many keys' leases are kept. A key that was forgotten is taken for anew.
pub(super) const KEPT: usize = 10_000;

/// What this program has taken of keys' quotas and not spent yet.
#[derive(Debug, Default)]
pub struct Leases(Mutex<HashMap<KeyId, Lease>>);

#[derive(Debug)]
struct Lease {
    window: Window,
    /// How much is left of what was taken.
    left: u32,
    /// How many requests of the key came to this program in the window.
    spent: u32,
    /// And in the one before.
    spent_before: u32,
}

/// What comes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpendResult {
    /// It was paid from what was taken before, or the quota is used up.
    Done(RateLimitDecision),
    /// Nothing is left of what was taken: this much is to be taken now.
    Take(Batch),
}

impl Leases {
    /// Spends one request of the key, whose counter was `seen` in the table.
    pub fn spend(&self, key: KeyId, seen: Option<Counter>, quota: Quota, now: Timestamp) -> SpendResult {
        let mut leases = self.lock();
        if leases.len() >= KEPT && !leases.contains_key(&key) {
            leases.clear();
        }
        let window = seen.map_or(Window::at(now), |seen| seen.window.max(Window::at(now)));
        let lease = leases.entry(key).or_insert_with(|| Lease::new(window));
        lease.enter(window);
        // The quota was lowered below what was taken of it: what is left of that is void too.
        if seen.is_some_and(|seen| seen.window == lease.window && seen.taken > quota.get()) {
            lease.left = 0;
        }
        if lease.left > 0 {
            lease.left -= 1;
            lease.spent += 1;
            return SpendResult::Done(RateLimitDecision::Within(lease.status(seen, quota, now)));
        }
        let status = lease.status(seen, quota, now);
        if status.remaining == 0 {
            return SpendResult::Done(RateLimitDecision::Exceeded(status));
        }
        SpendResult::Take(Batch { window: lease.window, size: lease.batch_size(quota) })
    }

    /// Keeps what was taken, and spends one request of it. Where nothing was, none is let in.
    pub fn keep(
        &self,
        key: KeyId,
        taken: Result<ReservedBatch, NoReservation>,
        quota: Quota,
        now: Timestamp,
    ) -> RateLimitDecision {
        let counter = match taken {
            Ok(ReservedBatch { counter, .. }) | Err(NoReservation::UsedUp(counter)) => counter,
            Err(NoReservation::Contended) => {
                return RateLimitDecision::Exceeded(RateLimitStatus {
                    quota,
                    remaining: 0,
                    resets_in: CROWDED_SECONDS,
                });
            }
        };
        let mut leases = self.lock();
        let lease = leases.entry(key).or_insert_with(|| Lease::new(counter.window));
        lease.enter(counter.window);
        match taken {
            Ok(ReservedBatch { size, .. }) => {
                // It may be of a window that has ended meanwhile; then it is worth this request alone.
                if lease.window == counter.window {
                    lease.left += size - 1;
                    lease.spent += 1;
                }
                RateLimitDecision::Within(lease.status(Some(counter), quota, now))
            }
            Err(_) => RateLimitDecision::Exceeded(lease.status(Some(counter), quota, now)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<KeyId, Lease>> {
        // A panic elsewhere while the lock was held leaves at worst a lease too little.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    fn new(window: Window) -> Self {
        Self { window, left: 0, spent: 0, spent_before: 0 }
    }

    /// Goes on to `window`, where that is later: what was taken of an earlier one is void.
    fn enter(&mut self, window: Window) {
        if window > self.window {
            let spent_before = if window.follows(self.window) { self.spent } else { 0 };
            *self = Self { spent_before, ..Self::new(window) };
        }
    }

    /// As much as this program is likely to need: what it spent lately and a quarter more.
    fn batch_size(&self, quota: Quota) -> u32 {
        let lately = self.spent.max(self.spent_before);
        let largest = (quota.get() / LARGEST_PART).clamp(1, LARGEST);
        lately.saturating_add(lately / 4).clamp(1, largest)
    }

    fn status(&self, counter: Option<Counter>, quota: Quota, now: Timestamp) -> RateLimitStatus {
        let taken =
            counter.filter(|counter| counter.window == self.window).map_or(0, |counter| counter.taken);
        let remaining = quota.get().saturating_sub(taken) + self.left;
        RateLimitStatus { quota, remaining, resets_in: self.window.ends_in(now) }
    }
}
