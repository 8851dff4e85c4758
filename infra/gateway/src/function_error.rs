//! How a function ends that gives no answer.

use lambda_runtime::Diagnostic;
use serde::{Deserialize, Serialize};

/// The error that a function ended with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
#[error("{error_type}: {error_message}")]
pub struct FunctionError {
    /// Its kind, for programs.
    pub error_type: String,
    /// What happened, in words.
    pub error_message: String,
}

impl FunctionError {
    pub(crate) fn new(error_type: impl Into<String>, error_message: impl Into<String>) -> Self {
        Self { error_type: error_type.into(), error_message: error_message.into() }
    }
}

impl From<Diagnostic> for FunctionError {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::new(diagnostic.error_type, diagnostic.error_message)
    }
}
