//! The Lambda function `recovery-codes`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::runtime::function::run(recovery_codes::service)
}
