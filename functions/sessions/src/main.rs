//! The Lambda program `sessions`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::function::run(sessions::service)
}
