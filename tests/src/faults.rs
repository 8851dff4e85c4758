//! What happens when DynamoDB, Secrets Manager or the service itself fails.

pub mod direct_batch_get;
pub mod each_call;
pub mod outage;
pub mod pepper_rotation;
pub mod restart;
pub mod start;
