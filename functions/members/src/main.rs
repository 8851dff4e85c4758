//! The Lambda program `members`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::runtime::function::run(members::service)
}
