//! Tests that run in a process of their own, because all tests of a process share its queue of Argon2 runs.

use std::{
    env,
    process::Command,
    sync::{Mutex, PoisonError},
};

/// Only one of these tests runs at a time, because most use all of the processor.
static RUNNING: Mutex<()> = Mutex::new(());

/// Runs an ignored test in another process, and panics if it fails.
pub fn run(test: &str) {
    let _running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    let tests = env::current_exe().expect("the path of this program");
    let run = Command::new(tests).args(["--ignored", "--exact", test]).output().expect("the process ends");
    let stdout = String::from_utf8_lossy(&run.stdout);
    assert!(
        run.status.success() && stdout.contains("1 passed"),
        "{stdout}{}",
        String::from_utf8_lossy(&run.stderr)
    );
}
