//! What people call their keys, projects and accounts.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A name: 1 to 100 characters without control characters, and without white space around it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Name(String);

/// The longest name, in characters.
pub const MAX_NAME_CHARS: usize = 100;

/// The text is no name.
#[derive(Debug, thiserror::Error)]
#[error("must have 1 to {MAX_NAME_CHARS} characters after trimming, and no control characters")]
pub struct InvalidName;

impl Name {
    /// The name as a text.
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

impl JsonSchema for Name {
    fn schema_name() -> Cow<'static, str> {
        "Name".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // White space around it is taken off.
        let pattern =
            format!(r"^\s*[^\s\p{{Cc}}]([^\p{{Cc}}]{{0,{}}}[^\s\p{{Cc}}])?\s*$", MAX_NAME_CHARS - 2);
        json_schema!({"type": "string", "pattern": pattern})
    }
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
        fn a_name_made_again_is_the_same(text in any::<String>()) {
            if let Ok(name) = Name::try_from(text) {
                prop_assert_eq!(Name::try_from(name.as_str().to_owned()).unwrap(), name);
            }
        }
    }
}
