//! The Lambda function `password-reset-send`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::runtime::function::run(password_reset_send::service)
}
