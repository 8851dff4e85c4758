//! A text of YAML.

use gateway::yaml::parse;

/// What is read is printed as JSON, which is YAML too, and read again as the same.
pub(crate) fn check(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let Ok(value) = parse(text) else { return };
    let printed = value.to_string();
    assert_eq!(parse(&printed).expect("what is printed is read"), value, "{printed}");
}
