//! Rate limits: how many requests of an API key are authorized, counted over all execution environments, and how many
//! login attempts are admitted.
//!
//! Time is divided into [windows](crate::primitives::quota::Window). A [counter](crate::primitives::quota::Counter)
//! in the key's item stores how much of the current window's quota has been reserved. An execution environment reserves a
//! [batch](batch::Batch) of requests with one write and spends it [in memory](leases::Leases), so most requests need no
//! write. The environments only spend what they reserved, and together they never reserve more than the quota. Therefore
//! the limit is never exceeded.

pub mod batch;
pub mod decision;
pub mod key_use;
pub mod leases;
pub mod login_throttle;
pub mod usage;

#[cfg(test)]
mod tests;
