//! The Lambda program `logout`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::runtime::function::run(logout::service)
}
