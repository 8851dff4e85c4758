//! The Lambda program `health`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::runtime::function::run(health::service)
}
