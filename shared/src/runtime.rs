//! The runtime of a function: its configuration, its AWS clients, its invocations, and its threads for password hashing.

pub mod app;
mod async_function;
pub mod aws;
pub mod config;
pub mod function;
pub mod invocation;
pub mod lookup;
pub mod new_admin;
pub mod new_password_reset;
pub mod new_source;
pub mod own_password;
pub mod password_workers;
mod pepper_source;
mod secret;
mod trust_store;
