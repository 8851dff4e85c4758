//! Faults: failures of DynamoDB and Secrets Manager, restarts, and pepper rotations.

pub mod direct_batch_get;
pub mod each_call;
pub mod login_attempts;
pub mod outage;
pub mod pepper_rotation;
pub mod restart;
pub mod start;
