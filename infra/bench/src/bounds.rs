//! How much more than the barest authorizer the real one may cost.

use serde::Serialize;

use crate::figures::Figures;

/// What is bounded, and how many times that of the reference it may be.
const BOUNDS: [Bound; 4] = [
    ("start", |figures| figures.start_ms, 1.5),
    ("p50", |figures| figures.p50_ms, 1.15),
    ("CPU", |figures| figures.cpu_us, 1.15),
    ("peak memory", |figures| figures.peak_memory_mib, 1.5),
];

type Bound = (&'static str, fn(&Figures) -> f64, f64);

/// A figure of the authorizer as a multiple of the reference's.
#[derive(Serialize)]
pub struct Comparison {
    /// Which figure.
    pub figure: &'static str,
    /// How many times the reference's it is.
    pub times: f64,
    /// How many times it may be.
    pub at_most: f64,
}

impl Comparison {
    /// All that are bounded.
    pub fn all(reference: &Figures, authorizer: &Figures) -> Vec<Self> {
        let compare =
            |(figure, of, at_most): Bound| Self { figure, times: of(authorizer) / of(reference), at_most };
        BOUNDS.map(compare).into()
    }
}
