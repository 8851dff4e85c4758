//! Random cases that can be tried again: who fails says with which seed.

use std::fmt::Debug;

use proptest::{
    prelude::*,
    test_runner::{RngSeed, TestRunner},
};
use shared::primitives::random::Random;

/// How many simpler cases are tried for one that fails.
const MAX_SHRINKS: u32 = 200;

/// Tries `test` on one case for every `part` of those that proptest tries otherwise: `PROPTEST_CASES`, or 256.
pub fn cases<S>(part: u32, strategy: &S, test: impl Fn(&ProptestConfig, S::Value))
where
    S: Strategy<Value: Debug>,
{
    let said = ProptestConfig::default();
    let seed = match said.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => u64::from_be_bytes(Random::system().bytes()),
    };
    let config = ProptestConfig {
        cases: (said.cases / part).max(1),
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        max_shrink_iters: said.max_shrink_iters.min(MAX_SHRINKS),
        ..said
    };
    let tried = TestRunner::new(config.clone()).run(strategy, |case| {
        test(&config, case);
        Ok(())
    });
    if let Err(failed) = tried {
        panic!("with PROPTEST_RNG_SEED={seed}: {failed}");
    }
}
