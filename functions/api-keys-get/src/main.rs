//! The Lambda function `api-keys-get`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::runtime::function::run(api_keys_get::service)
}
