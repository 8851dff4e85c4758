//! Formats an error and its causes as one line of a log.

use std::error;

/// Returns the text of an error and the texts of its causes, separated by `: `.
#[must_use]
pub fn error_chain(error: &dyn error::Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        line = format!("{line}: {error}");
        source = error.source();
    }
    line
}
