//! The Lambda program `openapi`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::function::run(openapi::service)
}
