//! The Lambda function `password-reset`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::runtime::function::run(password_reset::service)
}
