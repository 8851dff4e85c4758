//! The limits of the authorizer's figures, as multiples of the reference's.

use serde::Serialize;

use crate::figures::Figures;

/// The name of a figure, the function that reads it, and the maximum multiple of the reference's.
type Bound = (&'static str, fn(&Figures) -> f64, f64);

const BOUNDS: [Bound; 4] = [
    ("start", |figures| figures.start_ms, 1.5),
    ("p50", |figures| figures.p50_ms, 1.15),
    ("CPU", |figures| figures.cpu_us, 1.15),
    ("peak memory", |figures| figures.peak_memory_mib, 1.5),
];

/// A figure of the authorizer as a multiple of the reference's.
#[derive(Serialize)]
pub struct Comparison {
    /// The name of the figure.
    pub figure: &'static str,
    /// The measured multiple.
    pub times: f64,
    /// The maximum multiple.
    pub at_most: f64,
}

impl Comparison {
    /// Compares all figures that have a limit.
    pub fn all(reference: &Figures, authorizer: &Figures) -> Vec<Self> {
        let compare = |(figure, read, at_most): Bound| Self {
            figure,
            times: read(authorizer) / read(reference),
            at_most,
        };
        BOUNDS.map(compare).into()
    }
}
