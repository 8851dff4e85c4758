//! Property tests that can be repeated: the message of a failure contains the seed.

use std::fmt::Debug;

use proptest::{
    prelude::*,
    test_runner::{RngSeed, TestRunner},
};
use shared::primitives::random::Random;

/// The maximum number of attempts to simplify a failing case.
const MAX_SHRINKS: u32 = 200;
/// How long a failing case is simplified, in milliseconds. Some cases take seconds.
const MAX_SHRINK_TIME: u32 = 60_000;

/// Runs `test` on random cases, and panics if it fails for one. The number of cases is that of proptest
/// (`PROPTEST_CASES`, 256 by default), divided by `divisor`.
pub fn cases<S>(divisor: u32, strategy: &S, test: impl Fn(&ProptestConfig, S::Value))
where
    S: Strategy<Value: Debug>,
{
    let default = ProptestConfig::default();
    let seed = match default.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => u64::from_be_bytes(Random::system().bytes()),
    };
    let config = ProptestConfig {
        cases: (default.cases / divisor).max(1),
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        max_shrink_iters: default.max_shrink_iters.min(MAX_SHRINKS),
        max_shrink_time: MAX_SHRINK_TIME,
        ..default
    };
    let result = TestRunner::new(config.clone()).run(strategy, |case| {
        test(&config, case);
        Ok(())
    });
    if let Err(error) = result {
        panic!("with PROPTEST_RNG_SEED={seed}: {error}");
    }
}
