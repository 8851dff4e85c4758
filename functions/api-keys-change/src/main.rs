//! The Lambda function `api-keys-change`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::runtime::function::run(api_keys_change::service)
}
