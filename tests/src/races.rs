//! Concurrent requests, checked against a reference model.

pub mod concurrent_requests;
pub mod histories;
pub mod in_flight;
pub mod interleavings;
pub mod model;
