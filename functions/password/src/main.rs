//! The Lambda program `password`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::runtime::function::run(password::service)
}
