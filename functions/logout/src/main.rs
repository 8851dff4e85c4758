//! The Lambda program `logout`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::function::run(logout::service)
}
