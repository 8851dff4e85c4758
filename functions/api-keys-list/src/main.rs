//! The Lambda program `api-keys-list`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::function::run(api_keys_list::service)
}
