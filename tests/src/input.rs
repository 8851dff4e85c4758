//! Invalid, hostile and unusual requests.

pub mod bodies;
pub mod cors;
pub mod headers;
pub mod paths;
pub mod precedence;
pub mod queries;
pub mod raw_requests;
pub mod unknown_pages;
