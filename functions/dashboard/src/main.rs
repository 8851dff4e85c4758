//! The Lambda program `dashboard`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::runtime::function::run(dashboard::service)
}
