//! What the programs cost that Lambda runs: `cargo run --release -p bench`.
//!
//! Each is started under a Runtime API on this machine and invoked again and again, beside the barest authorizer there
//! can be, over the same DynamoDB. They take turns, so that noise hits all alike, and every figure is the median of its
//! rounds.

mod bounds;
mod case;
mod cpus;
mod figures;
mod measure;
mod plot;
mod program;
mod report;
mod runtime_api;

use std::{fs, io, path::PathBuf, process::ExitCode};

use clap::Parser;
use gateway::{Gateway, Options};

use crate::{case::Case, cpus::ProgramCpu, measure::Run, report::Report};

/// The packages of all programs that are measured.
const PACKAGES: [&str; 3] = ["authorizer", "bench-reference", "login"];

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Measures the functions' programs beside the barest authorizer.
#[derive(Parser)]
struct Arguments {
    /// Build and measure only the programs of these packages.
    #[arg(long = "package", value_name = "NAME", default_values = PACKAGES, value_parser = PACKAGES)]
    packages: Vec<String>,
    /// How many times each program is started.
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// How many turns each program gets in a round: one login each, or 50 invocations of the authorizer.
    #[arg(long, default_value_t = 40)]
    turns: u32,
    /// Run the programs under this command, such as `valgrind --tool=callgrind`.
    #[arg(long, value_name = "COMMAND", value_delimiter = ' ')]
    under: Vec<String>,
    /// Write JSON instead of tables.
    #[arg(long)]
    json: bool,
    /// Draw how the latencies are distributed, into this SVG file.
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("bench: a figure is out of its bound");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures and tells. Returns whether all is within its bounds.
async fn run(arguments: Arguments) -> Result<bool, Error> {
    let programs = program::build(&arguments.packages)?;
    let cpu = ProgramCpu::take()?;
    let gateway = Gateway::start(Options::ephemeral()).await?;
    let cases = case::all(&gateway, &programs).await?;
    let mut runs: Vec<(&Case, Vec<Run>)> = cases.iter().map(|case| (case, Vec::new())).collect();
    for round in 1..=arguments.rounds {
        eprintln!("round {round} of {}", arguments.rounds);
        let round =
            measure::round(&cases, &gateway.environment(), cpu, arguments.turns, &arguments.under).await?;
        for ((_, runs), run) in runs.iter_mut().zip(round) {
            runs.push(run);
        }
    }
    gateway.stop().await;

    let report = Report::of(&runs)?;
    if arguments.json {
        serde_json::to_writer_pretty(io::stdout(), &report)?;
        println!();
    } else {
        print!("{report}");
    }
    if let Some(file) = arguments.plot {
        fs::write(file, plot::draw(&runs)?)?;
    }
    Ok(report.is_within_bounds())
}
