//! The Lambda program `members`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::function::run(members::service)
}
