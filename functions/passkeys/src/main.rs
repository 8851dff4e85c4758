//! The Lambda function `passkeys`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::runtime::function::run(passkeys::service)
}
