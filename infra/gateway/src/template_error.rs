//! What is wrong with a template, and where.

use std::fmt;

/// What is wrong with a template, and where.
#[derive(Debug, thiserror::Error)]
pub struct TemplateError {
    /// Such as `Resources.Table.Properties`, or empty for the template as a whole.
    place: String,
    problem: String,
}

impl TemplateError {
    pub(crate) fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { place: place.into(), problem: problem.into() }
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, problem } = self;
        if place.is_empty() { f.write_str(problem) } else { write!(f, "{place}: {problem}") }
    }
}

/// The place of what `key` leads to in the map at `place`.
pub(crate) fn below(place: &str, key: &str) -> String {
    if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") }
}
