//! The Lambda program `audit-events`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::runtime::function::run(audit_events::service)
}
