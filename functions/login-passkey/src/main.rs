//! The Lambda function `login-passkey`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::runtime::function::run(login_passkey::service)
}
