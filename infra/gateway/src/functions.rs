//! The functions that are linked into the gateway, and the operations of the API that each implements. The build script
//! writes the table from `template.yaml`.

use std::sync::Arc;

use shared::{http::openapi::Operation, runtime::app::App};

use crate::in_process::{Handler, handler};

/// A function that can run in this process.
pub struct LinkedFunction {
    /// The name of its package.
    pub name: &'static str,
    /// The operations of the API that the function implements.
    pub operations: &'static [Operation],
    /// Returns the function's handler.
    pub handler: fn(Arc<App>) -> Handler,
}

/// All functions, in the order of their names.
pub const FUNCTIONS: &[LinkedFunction] = include!(concat!(env!("OUT_DIR"), "/functions.rs"));

/// Returns all operations of the API.
pub fn operations() -> impl Iterator<Item = &'static Operation> {
    FUNCTIONS.iter().flat_map(|function| function.operations)
}
