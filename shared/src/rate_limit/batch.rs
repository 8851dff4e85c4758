//! Rate limits: how many requests of one key are let in, over all programs together.
//!
//! Time is cut into [`Window`]s. A [`Counter`] beside the key in the table says how much of a window's quota was
//! taken. A program takes a [`Batch`] at once and spends it in memory, so that most requests need no write; and
//! since nothing is spent that was not taken, and no more is taken than the quota, the limit is never exceeded.

use crate::primitives::quota::{Counter, Quota, Window};

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
pub struct ReservedBatch {
    /// How many requests it is of.
    pub size: u32,
    /// The counter afterwards, which names the window.
    pub counter: Counter,
}

/// Why nothing was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoReservation {
    /// Nothing is left, as the counter says.
    UsedUp(Counter),
    /// Other writes of the key's item were in the way, time and again. A few requests at once bring that about: were they
    /// let in for it, a key could raise its own limit.
    Contended,
}

/// How a batch is taken from a counter: what is written, and on which condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reservation {
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

impl Reservation {
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
