//! The Lambda program `authorizer`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::function::run(authorizer::service)
}
