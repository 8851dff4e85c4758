//! The Lambda function `login`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::runtime::function::run(login::service)
}
