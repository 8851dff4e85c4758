//! A SAM template.

use gateway::{check_template, yaml};

/// A template is understood whichever way its YAML is written, or not understood in the same words.
pub(crate) fn check(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let understood = check_template(text).map_err(|error| error.to_string());
    let Ok(value) = yaml::parse(text) else {
        return assert!(understood.is_err());
    };
    assert_eq!(check_template(&value.to_string()).map_err(|error| error.to_string()), understood);
}
