//! How many calls to `DynamoDB` an invocation makes.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use aws_sdk_dynamodb::{
    config::{ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeTransmitInterceptorContextRef},
    error::BoxError,
};

tokio::task_local! {
    /// Those of the invocation that the task works on: clients are shared by all that run at once.
    static COUNTED: DynamoDbCalls;
}

/// A count of calls. It is of requests as they go out: one that is tried again counts again, and one without an
/// answer counts too.
#[derive(Clone, Default)]
pub(crate) struct DynamoDbCalls(Arc<AtomicU32>);

impl DynamoDbCalls {
    /// Does `work`, and counts the calls that it makes. What it spawns is not part of it.
    pub(crate) fn during<W: Future>(&self, work: W) -> impl Future<Output = W::Output> + use<W> {
        COUNTED.scope(self.clone(), work)
    }

    /// How many were counted.
    pub(crate) fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts a call that goes out.
pub(crate) fn count_one() {
    // Outside of an invocation, nobody counts.
    COUNTED.try_with(|calls| calls.0.fetch_add(1, Ordering::Relaxed)).ok();
}

/// What a client counts calls with.
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
    async fn those_alone_are_counted_that_its_own_work_makes() {
        let (one, other) = (DynamoDbCalls::default(), DynamoDbCalls::default());
        let work = async |calls| (0..calls).for_each(|_| count_one());
        tokio::join!(one.during(work(2)), other.during(work(3)), work(1));
        assert_eq!((one.count(), other.count()), (2, 3));
    }
}
