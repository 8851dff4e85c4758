//! Races: concurrent requests, and random operations that are compared with a reference model.

pub mod concurrent_requests;
pub mod histories;
pub mod in_flight;
pub mod interleavings;
pub mod model;
pub mod rush;
pub mod sign_in;
