//! The Lambda function `accept-invitation`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::runtime::function::run(accept_invitation::service)
}
