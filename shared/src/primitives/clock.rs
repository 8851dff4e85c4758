//! The only place that knows what time it is.

use std::{fmt, sync::Arc};

use time::OffsetDateTime;

use crate::primitives::timestamp::Timestamp;

/// A source of the current time, handed to whoever needs it.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> OffsetDateTime + Send + Sync>);

impl Clock {
    /// The clock of the machine.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one home of the system clock")]
    pub fn system() -> Self {
        Self::new(OffsetDateTime::now_utc)
    }

    /// A clock that reads as `now` says.
    #[must_use]
    pub fn new(now: impl Fn() -> OffsetDateTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The current time in UTC, as precise as the clock is. Ids are made from it.
    #[must_use]
    pub fn now_utc(&self) -> OffsetDateTime {
        (self.0)()
    }

    /// The current time in whole seconds. All rules are decided by it.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from(self.now_utc())
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
