//! The Lambda program `login`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::runtime::function::run(login::service)
}
