//! What a program costs, as medians of its runs.

use std::{fs, time::Duration};

use serde::Serialize;

use crate::{Error, case::Case, measure::Run};

/// What a program costs.
#[derive(Serialize)]
pub struct Figures {
    /// What was measured.
    pub name: &'static str,
    /// From its start to its first poll, in milliseconds.
    pub start_ms: f64,
    /// The latency of the first invocation.
    pub first_ms: f64,
    /// The latency that half of the invocations do not exceed.
    pub p50_ms: f64,
    /// The one that nine of ten do not exceed.
    pub p90_ms: f64,
    /// The one that 99 of 100 do not exceed.
    pub p99_ms: f64,
    /// How long an invocation uses a CPU, in microseconds.
    pub cpu_us: f64,
    /// The most memory that the program ever has, in MiB.
    pub peak_memory_mib: f64,
    /// The calls to DynamoDB of an invocation, on average, where the program's log tells.
    pub dynamodb_calls: Option<f64>,
    /// The size of the program, in MB.
    pub program_mb: f64,
}

impl Figures {
    /// Those of `runs`, of which there is at least one.
    pub fn of(case: &Case, runs: &[Run]) -> Result<Self, Error> {
        let median = |figure: &dyn Fn(&Run) -> f64| median(runs.iter().map(figure).collect());
        let latency = |of_thousand| median(&|run| ms(quantile(&run.latencies, of_thousand)));
        let dynamodb_calls: Vec<_> = runs.iter().filter_map(|run| run.dynamodb_calls).collect();
        Ok(Self {
            name: case.name,
            start_ms: median(&|run| ms(run.start)),
            first_ms: median(&|run| ms(run.first)),
            p50_ms: latency(500),
            p90_ms: latency(900),
            p99_ms: latency(990),
            cpu_us: median(&|run| ms(run.cpu) * 1_000.0),
            peak_memory_mib: median(&|run| f64::from(run.peak_memory_kib) / 1_024.0),
            dynamodb_calls: (!dynamodb_calls.is_empty()).then(|| self::median(dynamodb_calls)),
            program_mb: f64::from(u32::try_from(fs::metadata(&case.program)?.len())?) / 1_000_000.0,
        })
    }
}

/// A duration in milliseconds.
pub fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// The least of `sorted`, of which there is at least one, that so many of a thousand do not exceed.
pub fn quantile<T: Copy>(sorted: &[T], of_thousand: usize) -> T {
    sorted[(sorted.len() * of_thousand).div_ceil(1_000).max(1) - 1]
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    quantile(&values, 500)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_the_nearest_rank() {
        let hundred: Vec<_> = (1..=100).collect();
        for (of_thousand, expected) in [(0, 1), (10, 1), (500, 50), (501, 51), (990, 99), (1_000, 100)] {
            assert_eq!(quantile(&hundred, of_thousand), expected);
        }
        assert_eq!(quantile(&[7], 990), 7);
        assert_eq!(quantile(&[1, 2, 9], 500), 2);
    }
}
