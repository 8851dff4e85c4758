//! Measures the Lambda programs: `cargo run --release -p bench`.
//!
//! The benchmark starts each program with its own Lambda Runtime API on this machine, and invokes it repeatedly. It
//! does the same with the reference in `infra/bench/reference`, the smallest authorizer that could work, and with the floor
//! in `infra/bench/floor`, which only sends the requests of an authorizer. All programs use the same local DynamoDB. They
//! take turns, so that noise affects all of them equally, and each figure is the median of all rounds.

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

/// The packages of the measured programs.
const PACKAGES: [&str; 4] = ["authorizer", "bench-floor", "bench-reference", "login"];

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Measures the Lambda programs and compares the authorizer with a minimal one.
#[derive(Parser)]
struct Arguments {
    /// Builds and measures only the programs of these packages.
    #[arg(long = "package", value_name = "NAME", default_values = PACKAGES, value_parser = PACKAGES)]
    packages: Vec<String>,
    /// How often each program is started.
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Turns of each program per round. A turn is one login, or 50 invocations of an authorizer.
    #[arg(long, default_value_t = 40)]
    turns: u32,
    /// Runs the programs with this command, for example `valgrind --tool=callgrind`.
    #[arg(long, value_name = "COMMAND", value_delimiter = ' ')]
    under: Vec<String>,
    /// Prints JSON instead of tables.
    #[arg(long)]
    json: bool,
    /// Writes a chart of the latencies to this SVG file.
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("bench: a figure exceeds its limit");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures all cases and prints the report. Returns true if every figure is within its limit.
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
