//! The Lambda program `password`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::function::run(password::service)
}
