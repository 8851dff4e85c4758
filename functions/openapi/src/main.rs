//! The Lambda program `openapi`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::runtime::function::run(openapi::service)
}
