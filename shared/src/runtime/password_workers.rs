//! Hashes and verifies passwords on worker threads, and limits how many Argon2 runs execute and wait at the same time.

use std::{
    num::NonZero,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    thread,
};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    task::JoinError,
};
use tracing::debug;

use crate::{
    credentials::{
        password::{self, HashMemory, NewPassword, Password, PasswordHash, VerifiedPassword},
        password_rules::PasswordContext,
        pepper::Peppers,
    },
    error::Error,
    primitives::random::Random,
    telemetry::log::TARGET,
};

/// How many runs may wait per core. Further runs are rejected, because they would wait too long.
const QUEUE_PER_CORE: usize = 16;

static WORKERS: LazyLock<HashWorkerPool> =
    LazyLock::new(|| HashWorkerPool::new(thread::available_parallelism().map_or(1, NonZero::get)));

/// Permission for one Argon2 run.
pub struct HashPermit(SemaphorePermit<'static>);

/// Reserves a place in the queue for one Argon2 run. Acquire the permit before other work on the request, so that an
/// overloaded execution environment rejects the request before it reads or writes anything.
///
/// # Errors
/// 503 if the queue is full.
pub fn acquire_permit() -> Result<HashPermit, Error> {
    Ok(WORKERS.acquire_permit()?)
}

/// Checks a new password and hashes it with a new salt. `current` is the password that it replaces, if the request has it, and
/// `field` is the request's field with the new one.
///
/// # Errors
/// 400 if the password is weak or the current one; 503 if the queue is full.
pub async fn hash(
    password: NewPassword,
    current: Option<VerifiedPassword>,
    context: PasswordContext,
    field: &'static str,
    peppers: Arc<Peppers>,
    random: &Random,
) -> Result<PasswordHash, Error> {
    let salt = random.bytes();
    let permit = acquire_permit()?;
    let hashed = WORKERS
        .run(permit, move |memory| password.hash(current.as_ref(), &context, &peppers, &salt, memory))
        .await?;
    hashed.map_err(|cause| Error::password_not_hashed(field, cause))
}

/// Hashes a verified password again, with a new salt.
///
/// # Errors
/// 503 if the queue is full.
pub async fn rehash(
    password: VerifiedPassword,
    peppers: Arc<Peppers>,
    random: &Random,
) -> Result<PasswordHash, Error> {
    let salt = random.bytes();
    Ok(WORKERS.run(acquire_permit()?, move |memory| password.hash(&peppers, &salt, memory)).await??)
}

/// Verifies a password, as [`password::verify`] does.
///
/// # Errors
/// 500 or 503 if that cannot be done.
pub async fn verify(
    permit: HashPermit,
    hash: Option<PasswordHash>,
    password: Password,
    peppers: Arc<Peppers>,
) -> Result<Option<VerifiedPassword>, Error> {
    Ok(WORKERS.run(permit, move |memory| password::verify(hash, password, &peppers, memory)).await??)
}

/// The reason why a job was not executed or did not finish.
#[derive(Debug, thiserror::Error)]
enum WorkerError {
    #[error("too many Argon2 runs are waiting")]
    QueueFull,
    /// The job panicked or was cancelled.
    #[error(transparent)]
    Task(#[from] JoinError),
}

impl From<WorkerError> for Error {
    fn from(error: WorkerError) -> Self {
        match error {
            WorkerError::QueueFull => Self::unavailable(error),
            WorkerError::Task(_) => Self::internal(error),
        }
    }
}

/// Runs at most one Argon2 job per core at the same time. More would need 19 MiB of memory each and would not finish any
/// of them sooner.
struct HashWorkerPool {
    /// One permit per core. A job holds one while it executes.
    cores: Semaphore,
    /// One permit per job that may execute or wait. A job holds one until it finishes.
    permits: Semaphore,
    /// Memory that no job is using, at most one per core.
    unused_memory: Mutex<Vec<HashMemory>>,
}

impl HashWorkerPool {
    fn new(cores: usize) -> Self {
        Self {
            cores: Semaphore::new(cores),
            permits: Semaphore::new(cores * (1 + QUEUE_PER_CORE)),
            unused_memory: Mutex::default(),
        }
    }

    fn acquire_permit(&'static self) -> Result<HashPermit, WorkerError> {
        self.permits.try_acquire().map(HashPermit).map_err(|_| WorkerError::QueueFull)
    }

    /// Waits for a free core and runs `job` on a blocking thread.
    async fn run<T: Send + 'static>(
        &'static self,
        permit: HashPermit,
        job: impl FnOnce(&mut HashMemory) -> T + Send + 'static,
    ) -> Result<T, WorkerError> {
        // The semaphore is never closed, so this cannot fail.
        let core = self.cores.acquire().await;
        debug!(target: TARGET, "an Argon2 run begins");
        let task = tokio::task::spawn_blocking(move || {
            // The job holds both permits until it finishes, even if its caller stops waiting for it.
            let _permits = (permit.0, core);
            let unused = self.unused_memory().pop();
            let mut memory = unused.unwrap_or_else(HashMemory::new);
            let result = job(&mut memory);
            // If the job panics, its memory is freed instead.
            self.unused_memory().push(memory);
            result
        });
        Ok(task.await?)
    }

    fn unused_memory(&self) -> MutexGuard<'_, Vec<HashMemory>> {
        // Nothing can panic while the lock is held.
        self.unused_memory.lock().unwrap_or_else(PoisonError::into_inner)
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
    async fn pool_runs_one_job_per_core_and_rejects_jobs_beyond_the_queue() {
        let pool: &'static HashWorkerPool = Box::leak(Box::new(HashWorkerPool::new(2)));
        let running = Arc::new(AtomicUsize::new(0));
        let (finish, may_finish) = watch::channel(false);
        let mut jobs = JoinSet::new();
        for _ in 0..2 * (1 + QUEUE_PER_CORE) {
            let (running, may_finish) = (Arc::clone(&running), may_finish.clone());
            jobs.spawn(pool.run(pool.acquire_permit().unwrap(), move |_| {
                let at_once = running.fetch_add(1, Ordering::SeqCst) + 1;
                // `has_changed` fails if the sender is dropped because an assertion has failed.
                while !*may_finish.borrow() && may_finish.has_changed().is_ok() {
                    thread::sleep(Duration::from_millis(1));
                }
                running.fetch_sub(1, Ordering::SeqCst);
                at_once
            }));
        }
        while pool.permits.available_permits() > 0 || running.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
        let rejected = pool.acquire_permit().err().unwrap();
        assert!(matches!(rejected, WorkerError::QueueFull));
        finish.send(true).unwrap();
        let at_once = jobs.join_all().await.into_iter().map(Result::unwrap);
        assert_eq!(at_once.max(), Some(2));
        pool.run(pool.acquire_permit().unwrap(), |_| ()).await.unwrap();
        assert_eq!(pool.unused_memory().len(), 2);
    }
}
