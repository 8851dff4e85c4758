//! The Lambda program `projects`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::function::run(projects::service)
}
