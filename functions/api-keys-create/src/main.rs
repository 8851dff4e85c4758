//! The Lambda program `api-keys-create`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::runtime::function::run(api_keys_create::service)
}
