//! The Lambda program `login`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::function::run(login::service)
}
