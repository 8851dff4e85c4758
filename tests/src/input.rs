//! Requests that are malformed, or that no well-behaved client sends.

pub mod bodies;
pub mod cors;
pub mod headers;
pub mod paths;
pub mod queries;
pub mod raw_requests;
