//! Rate limits: how many requests of an API key are authorized, over all execution environments together, and how
//! often a login can be attempted.
//!
//! Time is divided into [windows](crate::primitives::quota::Window). A [counter](crate::primitives::quota::Counter)
//! in the key's item says how much of the current window's quota has been reserved. An execution environment reserves a
//! [batch](batch::Batch) at a time and spends it [in memory](leases::Leases), so that most requests need no write.
//! Nothing is spent that was not reserved, and no more is reserved than the quota, so the limit is never exceeded.

pub mod batch;
pub mod decision;
pub mod leases;
pub mod login_throttle;

#[cfg(test)]
mod tests;
