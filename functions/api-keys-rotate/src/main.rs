//! The Lambda program `api-keys-rotate`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::runtime::function::run(api_keys_rotate::service)
}
