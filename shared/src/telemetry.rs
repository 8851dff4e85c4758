//! Logs and metrics, and the texts that describe errors in them.

pub(crate) mod dynamodb_calls;
pub mod error_chain;
pub mod failures;
pub mod log;
pub mod metrics;
pub mod sdk_error;
