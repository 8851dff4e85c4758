//! Names that people give to keys, projects and accounts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A name of 1 to 100 characters, without control characters and without white space at its start and end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(
    inline,
    extend("pattern" = pattern()),
    description = format!("A name of 1 to {MAX_NAME_CHARS} characters, without control characters. White space at its start and end is removed.")
)]
#[serde(try_from = "String")]
pub struct Name(String);

pub const MAX_NAME_CHARS: usize = 100;

#[derive(Debug, thiserror::Error)]
#[error("must have 1 to {MAX_NAME_CHARS} characters after trimming, and no control characters")]
pub struct InvalidName;

impl Name {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        let name = text.trim();
        let fits = (1..=MAX_NAME_CHARS).contains(&name.chars().count());
        if fits && !name.contains(char::is_control) { Ok(Self(name.to_owned())) } else { Err(InvalidName) }
    }
}

/// Returns a regular expression for names, for API users. Every text that it matches is accepted.
///
/// It lists all characters explicitly, because regular expression engines interpret `\s` and `\p` differently. It avoids the
/// line and paragraph separators U+2028 and U+2029: some client generators write them into source code as they are, where
/// they end the line. So it does not match a few accepted names, those with a character from U+2027 to U+202E at an end.
fn pattern() -> String {
    let space = r"[\x09-\x0d\x20\x85\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]*";
    let edge = r"[^\x00-\x20\x7f-\xa0\u1680\u2000-\u200a\u2027-\u202f\u205f\u3000]";
    let inner = r"[^\x00-\x1f\x7f-\x9f]";
    format!("^{space}{edge}({inner}{{0,{}}}{edge})?{space}$", MAX_NAME_CHARS - 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn length_is_counted_in_characters_after_trimming() {
        assert_eq!(Name::try_from("  Studie Ä  ".to_owned()).unwrap().as_str(), "Studie Ä");
        assert!(Name::try_from("ä".repeat(100)).is_ok());
        assert!(Name::try_from("ä".repeat(101)).is_err());
        assert!(Name::try_from(" \t ".to_owned()).is_err());
        assert!(Name::try_from("a\u{7}b".to_owned()).is_err());
    }

    proptest! {
        #[test]
        fn parsing_a_name_again_returns_the_same_name(text in any::<String>()) {
            if let Ok(name) = Name::try_from(text) {
                prop_assert_eq!(Name::try_from(name.as_str().to_owned()).unwrap(), name);
            }
        }
    }
}
