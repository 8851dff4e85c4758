//! Conversion of JSON scalars to text.

use serde_json::Value;

/// Returns `value` as text if it is a string, a number or a boolean.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(string) => Some(string.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(boolean) => Some(boolean.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
