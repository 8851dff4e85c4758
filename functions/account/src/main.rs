//! The Lambda function `account`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::runtime::function::run(account::service)
}
