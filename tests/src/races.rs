//! Races: concurrent requests, and random operations that are compared with a reference model.

pub mod concurrent_requests;
pub mod every_order;
pub mod histories;
pub mod in_flight;
pub mod in_flight_second_factor;
pub mod in_flight_sign_in;
pub mod interleaved_members;
pub mod interleaved_sign_in;
pub mod interleavings;
pub mod model;
pub mod rush;
