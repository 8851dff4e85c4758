//! One run of a program, from its start to its end, and what it cost.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;

use crate::{Error, case::Case, cpus::ProgramCpu, program::Program};

/// What one run of a program cost.
pub struct Run {
    /// From its start to its first poll.
    pub start: Duration,
    /// The latency of the first invocation.
    pub first: Duration,
    /// The latencies of those that were measured, the shortest first.
    pub latencies: Vec<Duration>,
    /// How long an invocation used a CPU.
    pub cpu: Duration,
    /// The most memory that it ever had.
    pub peak_memory_kib: u32,
    /// The calls to DynamoDB of an invocation, on average, where the program's log tells.
    pub dynamodb_calls: Option<f64>,
}

/// What is read of a line of the log.
#[derive(Deserialize)]
struct Line {
    #[serde(rename = "DynamoDBCalls")]
    dynamodb_calls: u32,
}

/// Runs the program of each case once. They take turns, with a few invocations each, so that noise hits all alike.
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
        // Half as many as are measured are not: batches of a key's quota grow with its use.
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

/// The average of the last `invocations` that the log tells of, if it tells of as many.
fn dynamodb_calls(log: &str, invocations: u32) -> Option<f64> {
    let lines = log.lines().rev().filter_map(|line| serde_json::from_str::<Line>(line).ok());
    let calls: Vec<u32> = lines.map(|line| line.dynamodb_calls).take(invocations as usize).collect();
    let told = u32::try_from(calls.len()).ok()?;
    (told == invocations).then(|| f64::from(calls.iter().sum::<u32>()) / f64::from(invocations))
}

/// Invokes the program once.
async fn latency(program: &mut Program, case: &Case) -> Result<Duration, Error> {
    let answered = program.invoke(&case.event).await?;
    let body = String::from_utf8_lossy(&answered.body);
    if !body.contains(case.answer) {
        return Err(format!("{} answered {body}", case.name).into());
    }
    Ok(answered.latency)
}
