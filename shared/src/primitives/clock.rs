//! The current time. All code takes it from a [`Clock`], so that tests can set it.

use std::{fmt, sync::Arc};

use time::OffsetDateTime;

use crate::primitives::timestamp::Timestamp;

/// A source of the current time.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> OffsetDateTime + Send + Sync>);

impl Clock {
    /// Returns the system clock.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "only this function reads the system clock")]
    pub fn system() -> Self {
        Self::new(OffsetDateTime::now_utc)
    }

    /// Returns a clock that calls `now` for the current time.
    #[must_use]
    pub fn new(now: impl Fn() -> OffsetDateTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Returns the current time in UTC with the full precision of the clock. Ids contain it in milliseconds.
    #[must_use]
    pub fn now_utc(&self) -> OffsetDateTime {
        (self.0)()
    }

    /// Returns the current time in whole seconds. All rules about time use this precision.
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
