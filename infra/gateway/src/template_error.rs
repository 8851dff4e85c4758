use std::fmt;

/// An error in a template, with its location.
#[derive(Debug, thiserror::Error)]
pub struct TemplateError {
    /// For example `Resources.Table.Properties`. Empty if the error concerns the whole template.
    location: String,
    message: String,
}

impl TemplateError {
    pub(crate) fn new(location: impl Into<String>, message: impl Into<String>) -> Self {
        Self { location: location.into(), message: message.into() }
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { location, message } = self;
        if location.is_empty() { f.write_str(message) } else { write!(f, "{location}: {message}") }
    }
}

/// The location of the value of `key` in the map at `location`.
pub(crate) fn child(location: &str, key: &str) -> String {
    if location.is_empty() { key.to_owned() } else { format!("{location}.{key}") }
}
