//! Retries of operations that the SDK does not retry, with full jitter.
//!
//! A write that conflicts with a transaction fails at once, and `DynamoDB` does not say when the transaction ends. If all
//! rejected writers waited for the same time, they would conflict again. Therefore each pause is a random part of a bound that doubles:
//! "full jitter" in "Exponential Backoff And Jitter" of the AWS Architecture Blog. The number of these retries has no limit of
//! its own. They end when the invocation has no time left for another attempt. Retries of throttled writes add to the load that
//! causes the throttling, so their number is limited, too.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rand::{Rng, SeedableRng, rngs::SmallRng};
use tokio::time::{Instant, sleep};

use crate::primitives::random::Random;

/// The bound of the first pause. `DynamoDB` takes about this long for a transaction.
const FIRST_BOUND: Duration = Duration::from_millis(20);
/// The number of times the bound doubles, up to 320 ms. If many writers wait for one item, a larger bound would leave the item
/// unused, and a smaller one would cause more attempts, which are billed.
const DOUBLINGS: u32 = 4;
/// The number of retries of a throttled write.
const THROTTLING_RETRIES: u32 = 3;
/// How long retries may take outside of an invocation.
const DEFAULT_LIMIT: Duration = Duration::from_secs(6);

tokio::task_local! {
    /// The time after which the current invocation makes no further retry.
    static DEADLINE: Instant;
}

/// Runs the work of an invocation. Its retries end when `limit` has passed.
pub fn with_retry_limit<W: Future>(limit: Duration, work: W) -> impl Future<Output = W::Output> + use<W> {
    DEADLINE.scope(Instant::now() + limit, work)
}

/// Returns the time after which the current invocation makes no further retry.
pub(crate) fn deadline() -> Instant {
    DEADLINE.try_with(|deadline| *deadline).unwrap_or_else(|_| Instant::now() + DEFAULT_LIMIT)
}

/// Returns the pause before a retry, where 0 is the first one. The pause grows with `random`, from zero to the bound.
fn pause(retry: u32, random: u32) -> Duration {
    let bound = FIRST_BOUND * 2_u32.pow(retry.min(DOUBLINGS));
    bound.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

/// The source of the random pauses.
///
/// It has a generator of its own, so that the number of retries does not change the ids and secrets that are drawn after them.
/// Pauses need not be unpredictable, so the generator is a fast one.
pub(crate) struct Jitter(Mutex<SmallRng>);

impl Jitter {
    /// Creates a source with a seed from `random`.
    pub fn new(random: &Random) -> Self {
        Self(Mutex::new(SmallRng::seed_from_u64(u64::from_be_bytes(random.bytes()))))
    }

    fn next(&self) -> u32 {
        // A poisoned lock is safe to use: a panic of another thread leaves the generator in a valid state.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next_u32()
    }
}

/// The reason for a retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cause {
    /// There was a concurrent write to the same item.
    Conflict,
    /// `DynamoDB` throttled the request.
    Throttling,
}

/// The retries of one operation.
pub(crate) struct Retries<'a> {
    jitter: &'a Jitter,
    /// The number of pauses so far.
    count: u32,
    throttled: u32,
    deadline: Instant,
}

impl<'a> Retries<'a> {
    /// Starts an operation whose retries end with those of the invocation.
    pub fn new(jitter: &'a Jitter) -> Self {
        Self { jitter, count: 0, throttled: 0, deadline: deadline() }
    }

    /// Starts an operation whose retries end after `limit`, regardless of the invocation's limit.
    pub fn within(jitter: &'a Jitter, limit: Duration) -> Self {
        Self { jitter, count: 0, throttled: 0, deadline: Instant::now() + limit }
    }

    /// Waits before the next attempt. Returns false without waiting if there must not be another attempt, because it would begin
    /// after the deadline, or the operation was throttled too often.
    pub async fn pause(&mut self, cause: Cause) -> bool {
        if cause == Cause::Throttling {
            self.throttled += 1;
            if self.throttled > THROTTLING_RETRIES {
                return false;
            }
        }
        let pause = pause(self.count, self.jitter.next());
        self.count = self.count.saturating_add(1);
        let is_in_time = Instant::now() + pause < self.deadline;
        if is_in_time {
            sleep(pause).await;
        }
        is_in_time
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn jitter() -> Jitter {
        Jitter::new(&Random::system())
    }

    /// Returns the number of attempts until the retries end, if each attempt takes `duration`.
    async fn attempts(mut retries: Retries<'_>, duration: Duration) -> u32 {
        let mut attempts = 1;
        sleep(duration).await;
        while retries.pause(Cause::Conflict).await {
            attempts += 1;
            sleep(duration).await;
        }
        attempts
    }

    #[test]
    fn bound_doubles_from_20_to_320_milliseconds() {
        let bounds: Vec<_> = (0..7).map(|retry| pause(retry, u32::MAX).as_millis()).collect();
        assert_eq!(bounds, [20, 40, 80, 160, 320, 320, 320]);
        assert_eq!(pause(u32::MAX, u32::MAX), Duration::from_millis(320));
    }

    proptest! {
        #[test]
        fn pause_is_the_random_part_of_its_bound(retry: u32, random: u32) {
            let (chosen, bound) = (pause(retry, random), pause(retry, u32::MAX));
            prop_assert_eq!(pause(retry, 0), Duration::ZERO);
            prop_assert!(chosen <= bound && bound <= pause(retry.saturating_add(1), u32::MAX));
            let part = chosen.as_secs_f64() / bound.as_secs_f64();
            prop_assert!((part - f64::from(random) / f64::from(u32::MAX)).abs() < 1e-6);
        }

        #[test]
        fn no_attempt_begins_after_the_limit(limit in 0_u64..20_000, duration in 1_u64..3_000) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
            let [limit, duration] = [limit, duration].map(Duration::from_millis);
            runtime.unwrap().block_on(async {
                let (jitter, start) = (jitter(), Instant::now());
                let attempts = with_retry_limit(limit, async {
                    attempts(Retries::new(&jitter), duration).await
                });
                let attempts = attempts.await;
                // The clock of Tokio has a resolution of a millisecond.
                let latest_end = limit.max(Duration::from_millis(1)) + duration + Duration::from_millis(1);
                prop_assert!(start.elapsed() <= latest_end, "{:?}", start.elapsed());
                prop_assert!(u128::from(attempts) <= 1 + limit.as_millis() / duration.as_millis());
                Ok(())
            })?;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn retries_use_most_of_the_limit() {
        let jitter = jitter();
        for limit in [Duration::from_millis(500), Duration::from_secs(6)] {
            let start = Instant::now();
            let attempts = attempts(Retries::within(&jitter, limit), Duration::from_millis(10)).await;
            assert!(start.elapsed() + pause(DOUBLINGS, u32::MAX) >= limit, "{:?}", start.elapsed());
            assert!(attempts > 3, "{attempts}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn own_limit_replaces_the_limit_of_the_invocation() {
        let jitter = jitter();
        with_retry_limit(Duration::ZERO, async {
            assert!(!Retries::new(&jitter).pause(Cause::Conflict).await);
            assert!(Retries::within(&jitter, Duration::from_secs(1)).pause(Cause::Conflict).await);
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn throttled_write_is_retried_three_times() {
        let jitter = jitter();
        let mut retries = Retries::new(&jitter);
        for _ in 0..10 {
            assert!(retries.pause(Cause::Conflict).await);
        }
        for _ in 0..THROTTLING_RETRIES {
            assert!(retries.pause(Cause::Throttling).await);
        }
        assert!(!retries.pause(Cause::Throttling).await);
    }
}
