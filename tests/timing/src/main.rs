//! Measures whether response times reveal why a credential was rejected: `cargo run --release -p timing`.
//!
//! Each comparison measures two cases of a rejection in random order. Welch's t-test then decides whether their times
//! differ. Controls are comparisons whose times differ on purpose. The program fails if the times of a comparison
//! differ although they must not (see [`comparison`]), or if it does not detect the difference of a control.

mod comparison;
mod invitations;
mod logins;
mod resets;
mod rounds;
mod service;
mod tokens;
mod welch;

use std::process::ExitCode;

use clap::Parser;
use rand::{SeedableRng, rngs::StdRng};
use shared::primitives::random::Random;

use crate::comparison::Comparison;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Measures whether response times reveal why a credential was rejected.
#[derive(Parser)]
struct Arguments {
    /// Number of measurements for each comparison of tokens. 0 skips them.
    #[arg(long, default_value_t = 500_000)]
    tokens: usize,
    /// Number of logins of each case. 0 skips them.
    #[arg(long, default_value_t = 400)]
    logins: usize,
    /// Number of requests for a password reset of each case. 0 skips them.
    #[arg(long, default_value_t = 400)]
    resets: usize,
    /// Number of rejected invitations of each case. 0 skips them.
    #[arg(long, default_value_t = 400)]
    invitations: usize,
    /// Seed of the random order. By default, each run uses a different one.
    #[arg(long)]
    seed: Option<u64>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match Box::pin(run(Arguments::parse())).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("timing: a comparison found a leak, or a control was not detected");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("timing: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs and prints all comparisons. Returns true if each has the expected result.
async fn run(Arguments { tokens, logins, resets, invitations, seed }: Arguments) -> Result<bool, Error> {
    let seed = seed.unwrap_or_else(|| u64::from_be_bytes(Random::system().bytes()));
    println!("seed {seed}\n");
    let rng = &mut StdRng::seed_from_u64(seed);
    let mut all_as_expected = true;
    let mut report = |comparisons: Vec<Comparison>| {
        for comparison in comparisons {
            print!("{comparison}");
            all_as_expected &= comparison.is_as_expected();
        }
    };
    if tokens > 0 {
        report(tokens::test(rng, tokens));
    }
    if logins > 0 {
        report(logins::test(rng, logins).await?);
    }
    if resets > 0 {
        report(resets::test(rng, resets).await?);
    }
    if invitations > 0 {
        report(invitations::test(rng, invitations).await?);
    }
    Ok(all_as_expected)
}
