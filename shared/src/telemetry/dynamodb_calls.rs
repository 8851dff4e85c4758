//! Counts the calls to `DynamoDB` that an invocation makes.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use aws_sdk_dynamodb::{
    config::{ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeTransmitInterceptorContextRef},
    error::BoxError,
};

tokio::task_local! {
    /// The count of the invocation that the current task runs. It is local to the task, because concurrent invocations share
    /// the clients.
    static CURRENT: DynamoDbCalls;
}

/// A count of the requests that were sent. Each retry counts, and so does a request that got no response.
#[derive(Clone, Default)]
pub(crate) struct DynamoDbCalls(Arc<AtomicU32>);

impl DynamoDbCalls {
    /// Runs `work` and counts the calls that it makes. Calls of tasks that it spawns are not counted.
    pub(crate) fn track<W: Future>(&self, work: W) -> impl Future<Output = W::Output> + use<W> {
        CURRENT.scope(self.clone(), work)
    }

    pub(crate) fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts one call for the current invocation.
pub(crate) fn count_one() {
    // Outside of an invocation, calls are not counted.
    CURRENT.try_with(|calls| calls.0.fetch_add(1, Ordering::Relaxed)).ok();
}

/// Counts the calls of an SDK client.
#[derive(Debug)]
pub(crate) struct Counter;

impl Intercept for Counter {
    fn name(&self) -> &'static str {
        "Counter"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        count_one();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn concurrent_invocations_count_only_their_own_calls() {
        let (one, other) = (DynamoDbCalls::default(), DynamoDbCalls::default());
        let work = async |calls| (0..calls).for_each(|_| count_one());
        tokio::join!(one.track(work(2)), other.track(work(3)), work(1));
        assert_eq!((one.count(), other.count()), (2, 3));
    }
}
