//! The Lambda program `sessions`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::runtime::function::run(sessions::service)
}
