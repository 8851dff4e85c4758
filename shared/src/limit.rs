//! Rate limits: how many requests of one key are let in, over all programs together.
//!
//! Time is cut into [`Window`]s. A [`Counter`] beside the key in the table says how much of a window's quota was
//! taken. A program takes a [`Batch`] at once and spends it in memory, so that most requests need no write; and
//! since nothing is spent that was not taken, and no more is taken than the quota, the limit is never exceeded.

mod leases;
mod verdict;

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::{
    leases::{Leases, Spending},
    verdict::{Allowance, Verdict},
};
use crate::{environment::Environment, timestamp::Timestamp};

/// How long a window is, in seconds.
pub const WINDOW_SECONDS: u32 = 60;

/// How many requests of a key are let in during a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Quota(NonZeroU32);

/// The quotas of keys of each type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quotas {
    /// Of live keys.
    pub live: Quota,
    /// Of test keys.
    pub test: Quota,
}

/// A minute, counted from 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Window(i64);

/// How much of a window's quota was taken, as the table holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    /// The window. It never goes back, whatever clocks do.
    pub window: Window,
    /// How many requests were taken in it.
    pub taken: u32,
}

/// Some of a window's quota, for one program to spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// The window.
    pub window: Window,
    /// How many requests.
    pub size: u32,
}

/// A batch that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// How many requests it is of.
    pub size: u32,
    /// The counter afterwards, which names the window.
    pub counter: Counter,
}

/// Why nothing was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untaken {
    /// Nothing is left, as the counter says.
    UsedUp(Counter),
    /// Other writes of the key's item were in the way, time and again. A few requests at once bring that about: were they
    /// let in for it, a key could raise its own limit.
    Crowded,
}

/// How a batch is taken from a counter: what is written, and on which condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taking {
    /// It is the first of its window: the counter begins with it, unless another one came first.
    First(Batch),
    /// It is added to what was taken, where that is `at_most` so much.
    Further {
        /// The batch.
        batch: Batch,
        /// What may have been taken before.
        at_most: u32,
    },
}

impl Quotas {
    /// The quota of a key of this type.
    #[must_use]
    pub fn of(self, environment: Environment) -> Quota {
        match environment {
            Environment::Live => self.live,
            Environment::Test => self.test,
        }
    }
}

impl Quota {
    /// `requests` a window.
    #[must_use]
    pub fn new(requests: NonZeroU32) -> Self {
        Self(requests)
    }

    /// The requests.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

impl Window {
    /// The window that it is at `now`.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self(now.unix_seconds().div_euclid(WINDOW_SECONDS.into()))
    }

    /// How many seconds after `now` the next one begins.
    #[must_use]
    pub fn ends_in(self, now: Timestamp) -> u32 {
        let end = (self.0 + 1) * i64::from(WINDOW_SECONDS);
        u32::try_from(end - now.unix_seconds()).unwrap_or(0).max(1)
    }

    fn follows(self, other: Self) -> bool {
        self.0 == other.0 + 1
    }
}

impl Taking {
    /// How to take `wanted`, or what is left of it, from a counter that was `seen`.
    ///
    /// # Errors
    /// The counter, where nothing is left.
    pub fn plan(wanted: Batch, seen: Option<Counter>, quota: Quota) -> Result<Self, Counter> {
        match seen {
            // Another program's clock may be ahead: its window is everybody's.
            Some(seen) if seen.window >= wanted.window => {
                let size = wanted.size.min(quota.get().saturating_sub(seen.taken));
                let batch = Batch { window: seen.window, size };
                if size == 0 { Err(seen) } else { Ok(Self::Further { batch, at_most: quota.get() - size }) }
            }
            _ => Ok(Self::First(Batch { size: wanted.size.min(quota.get()), ..wanted })),
        }
    }

    /// What it takes.
    #[must_use]
    pub fn batch(self) -> Batch {
        match self {
            Self::First(batch) | Self::Further { batch, .. } => batch,
        }
    }
}

#[cfg(test)]
mod tests;
