//! The Lambda function `credentials-revoke`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::runtime::function::run(credentials_revoke::service)
}
