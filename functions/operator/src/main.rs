//! The Lambda program `operator`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::runtime::function::run(operator::service)
}
