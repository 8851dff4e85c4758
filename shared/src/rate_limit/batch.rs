//! Batches: parts of a window's quota that an execution environment reserves from the key's counter with one write.

use crate::primitives::quota::{Counter, Quota, Window};

/// A part of a window's quota, for one execution environment to spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    pub window: Window,
    /// The number of requests.
    pub size: u32,
    /// The counter's window, if it is far ahead of `window` and the batch replaces it.
    pub replaces: Option<Window>,
}

/// A batch that has been reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReservedBatch {
    /// The number of requests.
    pub size: u32,
    /// The counter after the reservation. It contains the batch's window.
    pub counter: Counter,
}

/// The reason why no batch was reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoReservation {
    /// The window's quota is exhausted, according to this counter.
    Exhausted(Counter),
    /// Every attempt failed because of concurrent writes to the key's item. The request counts as over the limit. Otherwise a
    /// client could exceed its limit with a few concurrent requests, because these can cause such failures.
    Contended,
}

/// A planned write to a counter that reserves a batch, with its condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reservation {
    /// Starts a new window with this batch. The write fails if the counter is in that window or a later one. If the batch
    /// replaces a window, the write fails unless the counter is in the replaced window.
    StartWindow(Batch),
    /// Adds the batch to the reserved part of the current window.
    AddToWindow {
        batch: Batch,
        /// The write fails if more than this is already reserved.
        max_reserved: u32,
    },
}

impl Reservation {
    /// Plans the reservation of `wanted`, or of the rest of the quota if that is less. `counter` is the counter as last read.
    ///
    /// # Errors
    /// Returns the counter if the quota is exhausted.
    pub fn plan(wanted: Batch, counter: Option<Counter>, quota: Quota) -> Result<Self, Counter> {
        match counter {
            // The clock of another execution environment may be ahead. The window in the table applies to all of them.
            Some(counter) if counter.window >= wanted.window && wanted.replaces != Some(counter.window) => {
                let size = wanted.size.min(quota.get().saturating_sub(counter.reserved));
                let batch = Batch { window: counter.window, size, replaces: None };
                if size == 0 {
                    Err(counter)
                } else {
                    Ok(Self::AddToWindow { batch, max_reserved: quota.get() - size })
                }
            }
            _ => {
                let replaces =
                    wanted.replaces.filter(|window| counter.is_some_and(|counter| counter.window == *window));
                Ok(Self::StartWindow(Batch { size: wanted.size.min(quota.get()), replaces, ..wanted }))
            }
        }
    }

    /// Returns the counter after this reservation if no other write has changed it since it was read as `counter`.
    #[must_use]
    pub fn expected_counter(self, counter: Option<Counter>) -> Counter {
        let reserved = match self {
            Self::StartWindow(_) => 0,
            Self::AddToWindow { .. } => counter.map_or(0, |counter| counter.reserved),
        };
        let Batch { window, size, .. } = self.batch();
        Counter { window, reserved: reserved.saturating_add(size) }
    }

    #[must_use]
    pub fn batch(self) -> Batch {
        match self {
            Self::StartWindow(batch) | Self::AddToWindow { batch, .. } => batch,
        }
    }
}
