//! The Lambda program `me`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::runtime::function::run(me::service)
}
