use lambda_runtime::Diagnostic;
use serde::{Deserialize, Serialize};

/// The error of an invocation: the function returned it instead of a result, or Lambda did not run the function. The format
/// is Lambda's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
#[error("{error_type}: {error_message}")]
pub struct FunctionError {
    /// A code for programs, such as `Sandbox.Timedout`.
    pub error_type: String,
    /// An explanation for people.
    pub error_message: String,
    /// True if Lambda did not run the function, for example because it throttles.
    #[serde(skip)]
    pub(crate) is_rejection: bool,
}

impl FunctionError {
    pub(crate) fn new(error_type: impl Into<String>, error_message: impl Into<String>) -> Self {
        Self { error_type: error_type.into(), error_message: error_message.into(), is_rejection: false }
    }

    /// An error of Lambda itself, which did not run the function.
    pub(crate) fn rejection(error_type: impl Into<String>, error_message: impl Into<String>) -> Self {
        Self { is_rejection: true, ..Self::new(error_type, error_message) }
    }
}

impl From<Diagnostic> for FunctionError {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::new(diagnostic.error_type, diagnostic.error_message)
    }
}
