//! Whose turn it is to run Argon2.

use std::{num::NonZero, sync::LazyLock, thread};

use tokio::sync::{Semaphore, SemaphorePermit};
use tracing::debug;

use crate::{credentials::password::HashError, telemetry::log::TARGET};

/// How many runs may wait for each core. Who comes after them had better come back.
const QUEUE_PER_CORE: usize = 16;

pub(super) static WORKERS: LazyLock<HashWorkerPool> =
    LazyLock::new(|| HashWorkerPool::new(thread::available_parallelism().map_or(1, NonZero::get)));

/// A place in the queue for one Argon2 run.
pub struct HashPermit(SemaphorePermit<'static>);

/// A place in the queue. Whoever needs one takes it first, so that nothing else is done in vain.
///
/// # Errors
/// When too many others wait.
pub fn acquire_permit() -> Result<HashPermit, HashError> {
    WORKERS.acquire_permit()
}

/// Limits how many Argon2 runs execute and wait. No more run at once than there are cores: each takes 19 MiB of memory,
/// and running more at once finishes none of them sooner.
pub(super) struct HashWorkerPool {
    idle: Semaphore,
    /// Those in the queue have a place, and those at work keep theirs.
    permits: Semaphore,
}

impl HashWorkerPool {
    fn new(count: usize) -> Self {
        Self { idle: Semaphore::new(count), permits: Semaphore::new(count * (1 + QUEUE_PER_CORE)) }
    }

    fn acquire_permit(&'static self) -> Result<HashPermit, HashError> {
        self.permits.try_acquire().map(HashPermit).map_err(|_| HashError::Busy)
    }

    /// Runs `job` on a thread of its own, when one of the cores is free for it.
    pub(super) async fn run<T: Send + 'static>(
        &'static self,
        permit: HashPermit,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashError> {
        // The semaphore is never closed. The job keeps its core, even where nobody waits for it any more.
        let core = self.idle.acquire().await;
        debug!(target: TARGET, "a password's turn begins");
        let done = tokio::task::spawn_blocking(move || {
            let _held = (permit.0, core);
            job()
        });
        Ok(done.await?)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        time::Duration,
    };

    use tokio::{sync::watch, task::JoinSet};

    use super::*;

    #[tokio::test]
    async fn as_many_run_as_there_are_cores_and_a_short_queue_waits() {
        let pool: &'static HashWorkerPool = Box::leak(Box::new(HashWorkerPool::new(2)));
        let running = Arc::new(AtomicUsize::new(0));
        let (open, gate) = watch::channel(false);
        let mut jobs = JoinSet::new();
        for _ in 0..2 * (1 + QUEUE_PER_CORE) {
            let (running, gate) = (Arc::clone(&running), gate.clone());
            jobs.spawn(pool.run(pool.acquire_permit().unwrap(), move || {
                let at_once = running.fetch_add(1, Ordering::SeqCst) + 1;
                // Where an assertion fails, nobody opens it any more.
                while !*gate.borrow() && gate.has_changed().is_ok() {
                    thread::sleep(Duration::from_millis(1));
                }
                running.fetch_sub(1, Ordering::SeqCst);
                at_once
            }));
        }
        while pool.permits.available_permits() > 0 || running.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
        let refused = pool.acquire_permit().err().unwrap();
        assert!(matches!(refused, HashError::Busy));
        open.send(true).unwrap();
        let at_once = jobs.join_all().await.into_iter().map(Result::unwrap);
        assert_eq!(at_once.max(), Some(2));
        pool.run(pool.acquire_permit().unwrap(), || ()).await.unwrap();
    }
}
