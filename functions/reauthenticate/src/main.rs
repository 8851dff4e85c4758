//! The Lambda function `reauthenticate`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::runtime::function::run(reauthenticate::service)
}
