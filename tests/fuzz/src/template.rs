//! The input is a SAM template.

use gateway::{check_template, yaml};

/// A template and its translation to JSON give the same result: both are valid, or both fail with the same error.
pub(crate) fn check(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let result = check_template(text).map_err(|error| error.to_string());
    let Ok(value) = yaml::parse(text) else {
        return assert!(result.is_err());
    };
    assert_eq!(check_template(&value.to_string()).map_err(|error| error.to_string()), result);
}
