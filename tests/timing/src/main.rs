//! Whether the time that a refusal takes tells why: `cargo run --release -p timing`.
//!
//! Two kinds of refusal take turns as chance has it, and Welch's t-test says whether their times differ. What differs
//! on purpose is measured beside them, and has to be found. It ends with a failure where two differ that should not (see
//! [`tested`]), or where such a one is not found.

mod logins;
mod tested;
mod tokens;
mod welch;

use std::process::ExitCode;

use clap::Parser;
use rand::{SeedableRng, rngs::StdRng};
use shared::primitives::random::Random;

use crate::tested::Tested;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Measures whether the time that a refusal takes tells why.
#[derive(Parser)]
struct Arguments {
    /// How many times each comparison of what is computed for a token is measured, or 0 for none.
    #[arg(long, default_value_t = 500_000)]
    tokens: usize,
    /// How many logins of each kind are measured, or 0 for none.
    #[arg(long, default_value_t = 400)]
    logins: usize,
    /// What the order of the turns is made of, or left out for another one each time.
    #[arg(long)]
    seed: Option<u64>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("timing: a time tells what it should not, or what tells on purpose was not found");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("timing: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures and tells. Returns whether all is well.
async fn run(Arguments { tokens, logins, seed }: Arguments) -> Result<bool, Error> {
    let seed = seed.unwrap_or_else(|| u64::from_be_bytes(Random::system().bytes()));
    println!("seed {seed}\n");
    let rng = &mut StdRng::seed_from_u64(seed);
    let mut is_well = true;
    let mut tell = |tested: Vec<Tested>| {
        for tested in tested {
            print!("{tested}");
            is_well &= tested.is_well();
        }
    };
    if tokens > 0 {
        tell(tokens::test(rng, tokens));
    }
    if logins > 0 {
        tell(logins::test(rng, logins).await?);
    }
    Ok(is_well)
}
