//! Measures one run of a program, from its start to its end.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;

use crate::{Error, case::Case, cpus::ProgramCpu, program::Program};

/// The measurements of one run of a program.
pub struct Run {
    /// The time from the start of the process to its first request for an event.
    pub start: Duration,
    /// The latency of the first invocation.
    pub first: Duration,
    /// The latencies of the measured invocations, in ascending order.
    pub latencies: Vec<Duration>,
    /// The CPU time per invocation.
    pub cpu: Duration,
    /// The largest resident memory of the process.
    pub peak_memory_kib: u32,
    /// The average number of calls to DynamoDB per invocation, if the program logs it.
    pub dynamodb_calls: Option<f64>,
}

/// The field that is read from a log line.
#[derive(Deserialize)]
struct Line {
    #[serde(rename = "DynamoDBCalls")]
    dynamodb_calls: u32,
}

/// Runs the program of each case once. The programs take turns with a few invocations each, so that noise affects all
/// of them equally.
pub async fn round(
    cases: &[Case],
    environment: &BTreeMap<&str, &str>,
    cpu: ProgramCpu,
    turns: u32,
    under: &[String],
) -> Result<Vec<Run>, Error> {
    let mut all = Vec::new();
    for case in cases {
        all.push(Running::start(case, environment, cpu, turns, under).await?);
    }
    for _ in 0..turns {
        for running in &mut all {
            running.take_turn().await?;
        }
    }
    let mut runs = Vec::new();
    for running in all {
        runs.push(running.end().await?);
    }
    Ok(runs)
}

/// A program that is being measured.
struct Running<'a> {
    case: &'a Case,
    program: Program,
    first: Duration,
    cpu_before: Duration,
    latencies: Vec<Duration>,
}

impl<'a> Running<'a> {
    async fn start(
        case: &'a Case,
        environment: &BTreeMap<&str, &str>,
        cpu: ProgramCpu,
        turns: u32,
        under: &[String],
    ) -> Result<Self, Error> {
        let mut program = Program::start(&case.program, case.function, environment, cpu, under).await?;
        let first = latency(&mut program, case).await?;
        // These invocations warm up the program and are not measured. A key's batches of quota grow with its use.
        for _ in 0..turns * case.per_turn / 2 {
            latency(&mut program, case).await?;
        }
        let cpu_before = program.cpu()?;
        Ok(Self { case, program, first, cpu_before, latencies: Vec::new() })
    }

    async fn take_turn(&mut self) -> Result<(), Error> {
        for _ in 0..self.case.per_turn {
            self.latencies.push(latency(&mut self.program, self.case).await?);
        }
        Ok(())
    }

    async fn end(self) -> Result<Run, Error> {
        let Self { program, first, cpu_before, mut latencies, .. } = self;
        let invocations = u32::try_from(latencies.len())?;
        let cpu = program.cpu()?.saturating_sub(cpu_before) / invocations;
        latencies.sort_unstable();
        let (start, peak_memory_kib) = (program.start, program.peak_memory_kib()?);
        let dynamodb_calls = dynamodb_calls(&program.end().await?, invocations);
        Ok(Run { start, first, latencies, cpu, peak_memory_kib, dynamodb_calls })
    }
}

/// Returns the average over the last `invocations` log lines, or `None` if there are fewer.
fn dynamodb_calls(log: &str, invocations: u32) -> Option<f64> {
    let lines = log.lines().rev().filter_map(|line| serde_json::from_str::<Line>(line).ok());
    let calls: Vec<u32> = lines.map(|line| line.dynamodb_calls).take(invocations as usize).collect();
    let logged = u32::try_from(calls.len()).ok()?;
    (logged == invocations).then(|| f64::from(calls.iter().sum::<u32>()) / f64::from(invocations))
}

/// Invokes the program once and returns the latency.
async fn latency(program: &mut Program, case: &Case) -> Result<Duration, Error> {
    let response = program.invoke(&case.event).await?;
    let body = String::from_utf8_lossy(&response.body);
    if !body.contains(case.expected) {
        return Err(format!("{} returned {body}", case.name).into());
    }
    Ok(response.latency)
}
