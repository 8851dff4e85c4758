//! The Lambda program `api-keys-get`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::runtime::function::run(api_keys_get::service)
}
