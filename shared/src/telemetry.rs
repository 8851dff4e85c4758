//! Logs, metrics, and how errors are described in them.

pub(crate) mod dynamodb_calls;
pub mod error_chain;
pub mod log;
pub mod metrics;
pub(crate) mod sdk_error;
