//! The Lambda function `api-keys-usage`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::runtime::function::run(api_keys_usage::service)
}
