//! The Lambda function `api-keys-simulate`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::runtime::function::run(api_keys_simulate::service)
}
