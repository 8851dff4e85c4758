//! The Lambda program `dashboard`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::function::run(dashboard::service)
}
