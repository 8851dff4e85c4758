//! The input is a YAML document.

use gateway::yaml::parse;

/// A parsed document, printed as JSON, is valid YAML and parses to the same value.
pub(crate) fn check(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let Ok(value) = parse(text) else { return };
    let printed = value.to_string();
    assert_eq!(parse(&printed).expect("printed JSON is valid YAML"), value, "{printed}");
}
