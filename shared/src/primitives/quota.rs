//! Quotas: how many requests of an API key are authorized per window of one minute.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::primitives::{environment::Environment, timestamp::Timestamp};

pub(crate) const WINDOW_SECONDS: u32 = 60;
/// A week, in windows. If clocks are off by minutes, and are set from time to time, counters never get this far ahead.
const MAX_LEAD: i64 = 7 * 24 * 60;

/// How many requests per minute an API key may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Quota(NonZeroU32);

/// The rate limits of API keys, by type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quotas {
    /// The limit of each live key.
    pub live: Quota,
    /// The limit of each test key.
    pub test: Quota,
}

/// A window of 60 seconds, as the number of windows since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Window(pub(crate) i64);

/// The reserved part of a window's quota, as stored in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    /// The window that is being counted. It never moves back, unless it is so far ahead that a clock must have been wrong.
    pub window: Window,
    /// The number of reserved requests in the window.
    #[serde(rename = "taken")]
    pub reserved: u32,
}

impl Quotas {
    /// Returns the quota of keys of this environment.
    #[must_use]
    pub fn of(self, environment: Environment) -> Quota {
        match environment {
            Environment::Live => self.live,
            Environment::Test => self.test,
        }
    }
}

impl Quota {
    /// Creates a quota of `requests` per window.
    #[must_use]
    pub fn new(requests: NonZeroU32) -> Self {
        Self(requests)
    }

    /// Returns the number of requests per window.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

impl Window {
    /// Returns the window that contains `now`.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self(now.unix_seconds().div_euclid(WINDOW_SECONDS.into()))
    }

    /// Returns the time at which the window ends, in seconds since 1970.
    pub(crate) fn ends_at(self) -> i64 {
        (self.0 + 1) * i64::from(WINDOW_SECONDS)
    }

    /// Returns the window that comes `windows` after this one.
    pub(crate) fn plus(self, windows: i64) -> Self {
        Self(self.0.saturating_add(windows))
    }

    /// Returns true if this window is more than a week ahead of `own`, the window of the caller's clock. Then a clock is broken.
    pub(crate) fn is_far_ahead_of(self, own: Self) -> bool {
        self.0 > own.0.saturating_add(MAX_LEAD)
    }

    /// Returns true if this window is the one directly after `other`.
    #[must_use]
    pub(crate) fn follows(self, other: Self) -> bool {
        self.0 == other.0 + 1
    }
}
