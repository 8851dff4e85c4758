//! The report, as tables or as JSON.

use std::fmt;

use serde::Serialize;

use crate::{
    Error,
    bounds::Comparison,
    case::{AUTHORIZER, Case, REFERENCE},
    figures::Figures,
    measure::Run,
};

/// The figures of all cases, and the comparison of the authorizer with the reference.
#[derive(Serialize)]
pub struct Report {
    figures: Vec<Figures>,
    comparisons: Vec<Comparison>,
}

impl Report {
    pub fn of(runs: &[(&Case, Vec<Run>)]) -> Result<Self, Error> {
        let figures = runs.iter().map(|(case, runs)| Figures::of(case, runs));
        let figures: Vec<_> = figures.collect::<Result<_, _>>()?;
        let named = |name| figures.iter().find(|figures| figures.name == name);
        let both = named(REFERENCE).zip(named(AUTHORIZER));
        let comparisons =
            both.map_or_else(Vec::new, |(reference, authorizer)| Comparison::all(reference, authorizer));
        Ok(Self { figures, comparisons })
    }

    /// Returns true if no figure exceeds its limit.
    pub fn is_within_bounds(&self) -> bool {
        self.comparisons.iter().all(|comparison| comparison.times <= comparison.at_most)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| | start | first | p50 | p90 | p99 | CPU | peak memory | DynamoDB calls | program |")?;
        writeln!(f, "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")?;
        for figures in &self.figures {
            let calls = figures.dynamodb_calls.map_or_else(String::new, |calls| format!("{calls:.2}"));
            writeln!(
                f,
                "| {} | {:.1} ms | {:.2} ms | {:.3} ms | {:.3} ms | {:.3} ms | {:.0} µs | {:.1} MiB | {calls} | {:.1} MB |",
                figures.name,
                figures.start_ms,
                figures.first_ms,
                figures.p50_ms,
                figures.p90_ms,
                figures.p99_ms,
                figures.cpu_us,
                figures.peak_memory_mib,
                figures.program_mb,
            )?;
        }
        if self.comparisons.is_empty() {
            return Ok(());
        }
        writeln!(f, "\n| {AUTHORIZER}, to the {REFERENCE} | is | at most |\n|---|--:|--:|")?;
        for Comparison { figure, times, at_most } in &self.comparisons {
            writeln!(f, "| {figure} | {times:.2} | {at_most:.2} |")?;
        }
        Ok(())
    }
}
