//! Whose turn it is to run Argon2.

use std::{num::NonZero, sync::LazyLock, thread};

use tokio::sync::{Semaphore, SemaphorePermit};
use tracing::debug;

use super::HashError;
use crate::telemetry::TARGET;

/// How many runs may wait for each core. Who comes after them had better come back.
const QUEUE_PER_CORE: usize = 16;

pub(super) static CORES: LazyLock<Cores> =
    LazyLock::new(|| Cores::new(thread::available_parallelism().map_or(1, NonZero::get)));

/// A place in the queue for one Argon2 run.
pub struct Place(SemaphorePermit<'static>);

/// A place in the queue. Whoever needs one takes it first, so that nothing else is done in vain.
///
/// # Errors
/// When too many others wait.
pub fn queue() -> Result<Place, HashError> {
    CORES.queue()
}

/// Cores, and the queue before them. No more jobs run at once than there are cores: each takes 19 MiB, and more
/// at once are not done sooner.
pub(super) struct Cores {
    idle: Semaphore,
    /// Those in the queue have a place, and those at work keep theirs.
    places: Semaphore,
}

impl Cores {
    fn new(count: usize) -> Self {
        Self { idle: Semaphore::new(count), places: Semaphore::new(count * (1 + QUEUE_PER_CORE)) }
    }

    fn queue(&'static self) -> Result<Place, HashError> {
        self.places.try_acquire().map(Place).map_err(|_| HashError::Busy)
    }

    /// Runs `job` on a thread of its own, when one of the cores is free for it.
    pub(super) async fn run<T: Send + 'static>(
        &'static self,
        place: Place,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashError> {
        // The semaphore is never closed. The job keeps its core, even where nobody waits for it any more.
        let core = self.idle.acquire().await;
        debug!(target: TARGET, "a password's turn begins");
        let done = tokio::task::spawn_blocking(move || {
            let _held = (place.0, core);
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

    use lambda_http::http::StatusCode;
    use tokio::{sync::watch, task::JoinSet};

    use super::*;
    use crate::error::Error;

    #[tokio::test]
    async fn as_many_run_as_there_are_cores_and_a_short_queue_waits() {
        let cores: &'static Cores = Box::leak(Box::new(Cores::new(2)));
        let running = Arc::new(AtomicUsize::new(0));
        let (open, gate) = watch::channel(false);
        let mut jobs = JoinSet::new();
        for _ in 0..2 * (1 + QUEUE_PER_CORE) {
            let (running, gate) = (Arc::clone(&running), gate.clone());
            jobs.spawn(cores.run(cores.queue().unwrap(), move || {
                let at_once = running.fetch_add(1, Ordering::SeqCst) + 1;
                // Where an assertion fails, nobody opens it any more.
                while !*gate.borrow() && gate.has_changed().is_ok() {
                    thread::sleep(Duration::from_millis(1));
                }
                running.fetch_sub(1, Ordering::SeqCst);
                at_once
            }));
        }
        while cores.places.available_permits() > 0 || running.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
        let refused = cores.queue().err().unwrap();
        assert_eq!(Error::from(refused).status(), StatusCode::SERVICE_UNAVAILABLE);
        open.send(true).unwrap();
        let at_once = jobs.join_all().await.into_iter().map(Result::unwrap);
        assert_eq!(at_once.max(), Some(2));
        cores.run(cores.queue().unwrap(), || ()).await.unwrap();
    }
}
