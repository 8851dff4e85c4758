//! LibFuzzer, with the target that `--target=NAME` names. It takes libFuzzer's own options too.

#![no_main]

use std::{env, sync::LazyLock};

use fuzz::{TARGETS, Target};
use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = env::args().find_map(|argument| argument.strip_prefix("--target=").map(str::to_owned));
    let name = name.expect("--target=NAME says what to try");
    TARGETS.iter().find(|target| target.name == name).expect("a target has this name")
});

// What a target needs is there before the time of an input is taken.
fuzz_target!(init: TARGET.check(b""), |input: &[u8]| TARGET.check(input));
