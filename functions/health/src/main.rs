//! The Lambda program `health`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::function::run(health::service)
}
