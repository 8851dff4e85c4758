//! Identifies callers and decides what they may do. The rules are pure functions without I/O, so that tests can cover
//! every kind of input.

pub mod context;
pub mod decision;
pub mod delegation;
pub mod denial;
pub mod invitation;
pub mod principal;
pub mod reported_credential;
pub mod revoked_keys;
pub mod routes;
pub mod step_up;
