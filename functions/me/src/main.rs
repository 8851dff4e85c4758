//! The Lambda program `me`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::function::run(me::service)
}
