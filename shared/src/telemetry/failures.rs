//! Counts failures of an invocation that its outcome does not show. Alarms of the template use these counts.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

tokio::task_local! {
    /// The counts of the invocation that the current task runs. They are local to the task, because one process can run several
    /// invocations concurrently.
    static CURRENT: Failures;
}

/// The kind of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// A write that counts a request of a key or records the use of a credential failed, took too long, or was contended. If
    /// the request could not be counted, it may exceed the key's limit.
    UsageWrite,
    /// The peppers could not be refreshed. The cached ones stay in use.
    PepperRefresh,
    /// A direct batch get did not return a complete response. The SDK repeats the read.
    DirectBatchGet,
    /// The service has a bug, is misconfigured, or found a malformed item in the table. The response is 500.
    Internal,
    /// A mail could not be handed over or sent.
    Mail,
}

impl Failure {
    pub(crate) const ALL: [Self; 5] =
        [Self::UsageWrite, Self::PepperRefresh, Self::DirectBatchGet, Self::Internal, Self::Mail];

    /// Returns the name of the metric that counts this kind.
    pub(crate) fn metric(self) -> &'static str {
        match self {
            Self::UsageWrite => "UsageWriteFailures",
            Self::PepperRefresh => "PepperRefreshFailures",
            Self::DirectBatchGet => "DirectBatchGetFailures",
            Self::Internal => "InternalErrors",
            Self::Mail => "MailFailures",
        }
    }
}

/// The number of failures of each kind.
#[derive(Clone, Default)]
pub(crate) struct Failures(Arc<[AtomicU32; Failure::ALL.len()]>);

impl Failures {
    /// Runs `work` and counts its failures. Failures in tasks that it spawns are not counted.
    pub(crate) fn track<W: Future>(&self, work: W) -> impl Future<Output = W::Output> + use<W> {
        CURRENT.scope(self.clone(), work)
    }

    pub(crate) fn add(&self, failure: Failure) {
        self.0[failure as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the kinds that occurred, with their numbers.
    pub(crate) fn counts(&self) -> Vec<(Failure, u32)> {
        let counts = Failure::ALL.map(|failure| (failure, self.0[failure as usize].load(Ordering::Relaxed)));
        counts.into_iter().filter(|(_, count)| *count > 0).collect()
    }
}

/// Counts a failure of the current invocation.
pub fn count(failure: Failure) {
    // Outside of an invocation, failures are not counted.
    CURRENT.try_with(|failures| failures.add(failure)).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_own_count() {
        for (index, failure) in Failure::ALL.into_iter().enumerate() {
            assert_eq!(failure as usize, index);
        }
    }

    #[tokio::test]
    async fn concurrent_invocations_count_only_their_own_failures() {
        let (one, other) = (Failures::default(), Failures::default());
        let work = async |failure, times| (0..times).for_each(|_| count(failure));
        tokio::join!(
            one.track(work(Failure::UsageWrite, 2)),
            other.track(work(Failure::Internal, 3)),
            work(Failure::Internal, 1)
        );
        assert_eq!(one.counts(), [(Failure::UsageWrite, 2)]);
        assert_eq!(other.counts(), [(Failure::Internal, 3)]);
    }
}
