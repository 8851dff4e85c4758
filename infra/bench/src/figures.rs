//! The figures of a case, each the median of its runs.

use std::{fs, time::Duration};

use serde::Serialize;

use crate::{Error, case::Case, measure::Run};

/// The figures of a case.
#[derive(Serialize)]
pub struct Figures {
    /// The name of the case.
    pub name: &'static str,
    /// The time from the start of the process to its first request for an event.
    pub start_ms: f64,
    /// The latency of the first invocation.
    pub first_ms: f64,
    /// The latency that 50 % of the invocations do not exceed.
    pub p50_ms: f64,
    /// The latency that 90 % of the invocations do not exceed.
    pub p90_ms: f64,
    /// The latency that 99 % of the invocations do not exceed.
    pub p99_ms: f64,
    /// The CPU time per invocation.
    pub cpu_us: f64,
    /// The largest resident memory of the process.
    pub peak_memory_mib: f64,
    /// The average number of calls to DynamoDB per invocation, if the program logs it.
    pub dynamodb_calls: Option<f64>,
    /// The size of the executable file.
    pub program_mb: f64,
}

impl Figures {
    /// Computes the figures of `runs`, which must not be empty.
    pub fn of(case: &Case, runs: &[Run]) -> Result<Self, Error> {
        let median = |figure: &dyn Fn(&Run) -> f64| median(runs.iter().map(figure).collect());
        let latency = |per_mille| median(&|run| ms(quantile(&run.latencies, per_mille)));
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

/// Converts a duration to milliseconds.
pub fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// Returns the smallest value that at least `per_mille` of a thousand values do not exceed. `sorted` must not be empty.
pub fn quantile<T: Copy>(sorted: &[T], per_mille: usize) -> T {
    sorted[(sorted.len() * per_mille).div_ceil(1_000).max(1) - 1]
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    quantile(&values, 500)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantile_returns_the_value_at_the_nearest_rank() {
        let hundred: Vec<_> = (1..=100).collect();
        for (per_mille, expected) in [(0, 1), (10, 1), (500, 50), (501, 51), (990, 99), (1_000, 100)] {
            assert_eq!(quantile(&hundred, per_mille), expected);
        }
        assert_eq!(quantile(&[7], 990), 7);
        assert_eq!(quantile(&[1, 2, 9], 500), 2);
    }
}
