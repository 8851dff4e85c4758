//! The Lambda program `api-keys-revoke`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::runtime::function::run(api_keys_revoke::service)
}
