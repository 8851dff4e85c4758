//! Runs libFuzzer with the target that `--target=NAME` names. All other options are libFuzzer's.

#![no_main]

use std::{env, sync::LazyLock};

use fuzz::{TARGETS, Target};
use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = env::args().find_map(|argument| argument.strip_prefix("--target=").map(str::to_owned));
    let name = name.expect("--target=NAME is missing");
    TARGETS.iter().find(|target| target.name == name).expect("no target has this name")
});

// The first check starts what the target needs, so that libFuzzer does not count that time as time of an input.
fuzz_target!(init: TARGET.check(b""), |input: &[u8]| TARGET.check(input));
