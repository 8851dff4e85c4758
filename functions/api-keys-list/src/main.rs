//! The Lambda program `api-keys-list`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::runtime::function::run(api_keys_list::service)
}
