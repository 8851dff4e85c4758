//! The Lambda program `authorizer`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::runtime::function::run(authorizer::service)
}
