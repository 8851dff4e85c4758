//! The Lambda function `key-expiry-reminders`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::runtime::function::run(key_expiry_reminders::service)
}
