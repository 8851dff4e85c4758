//! The Lambda program `operator`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::function::run(operator::service)
}
