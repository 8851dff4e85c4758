//! The Lambda function `password`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::runtime::function::run(password::service)
}
