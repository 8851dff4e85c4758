//! The Lambda program `projects`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::runtime::function::run(projects::service)
}
