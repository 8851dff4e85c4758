//! The Lambda function `mail`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::runtime::function::run(mail::service)
}
