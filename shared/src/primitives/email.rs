//! E-mail addresses, which people log in with.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An e-mail address in lower case.
///
/// ASCII alone: Unicode has letters that become others when their case changes, and two addresses that
/// looked different would be one (CVE-2019-19844).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(
    inline,
    extend("pattern" = pattern()),
    description = "An email address in ASCII, with at most 64 characters before the `@` and 254 after it. Case is ignored."
)]
#[serde(try_from = "String")]
pub struct EmailAddress(String);

/// The text is no e-mail address that can log in here.
#[derive(Debug, thiserror::Error)]
#[error("must be an e-mail address in ASCII, such as user@example.com")]
pub struct InvalidEmailAddress;

impl EmailAddress {
    /// The address as a text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = InvalidEmailAddress;

    fn try_from(mut text: String) -> Result<Self, InvalidEmailAddress> {
        // No display name, and no address literal such as user@[127.0.0.1].
        let options = email_address::Options::default().without_display_text().without_domain_literal();
        if !text.is_ascii() || email_address::EmailAddress::parse_with_options(&text, options).is_err() {
            return Err(InvalidEmailAddress);
        }
        text.make_ascii_lowercase();
        Ok(Self(text))
    }
}

// Personal data: a log must not get it by a slip.
impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress(…)")
    }
}

/// What its text is like, but for how long its parts may be. Not `format: email`, of which some think otherwise than
/// RFC 5321, and which no two check alike.
fn pattern() -> String {
    let atom = "[!#-'*+/-9=?A-Z^-~-]";
    let quoted = r#""([\t !#-\[\]-~]|\\[!-~])+""#;
    let label = format!("[0-9A-Za-z]({atom}{{0,61}}[0-9A-Za-z])?");
    format!(r"^({atom}+(\.{atom}+)*|{quoted})@{label}(\.{label})*$")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(text: &str) -> Option<String> {
        EmailAddress::try_from(text.to_owned()).ok().map(|address| address.0)
    }

    #[test]
    fn case_does_not_matter() {
        assert_eq!(address("User@Example.COM").as_deref(), Some("user@example.com"));
    }

    #[test]
    fn letters_that_only_look_alike_are_refused() {
        // A Kelvin sign, a dotless i, a ligature, a full-width letter.
        for text in [
            "\u{212a}im@example.com",
            "m\u{131}ke@example.com",
            "\u{fb01}n@example.com",
            "\u{ff41}@example.com",
        ] {
            assert_eq!(address(text), None, "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "user",
            "@example.com",
            "user@",
            "a b@example.com",
            "User <user@example.com>",
            "u@[127.0.0.1]",
        ] {
            assert_eq!(address(text), None, "{text}");
        }
    }

    #[test]
    fn nothing_of_it_is_shown() {
        let address = EmailAddress::try_from("user@example.com".to_owned()).unwrap();
        assert_eq!(format!("{address:?}"), "EmailAddress(…)");
    }

    proptest! {
        #[test]
        fn an_address_made_again_is_the_same(text in "[A-Za-z0-9.+-]{1,10}@[A-Za-z0-9-]{1,10}\\.(com|ORG)") {
            if let Some(once) = address(&text) {
                prop_assert_eq!(address(&once), Some(once));
            }
        }

        /// Whatever comes in, what is made of it differs from it by the case of ASCII letters alone.
        #[test]
        fn no_text_becomes_the_address_of_another(text in "\\PC{0,8}(@|\u{ff20})\\PC{0,8}|[a-z\u{212a}\u{130}\u{131}\u{17f}\u{fb01}\u{ff41}\u{430}]{1,6}@[a-z\u{212a}.]{1,6}") {
            if let Some(made) = address(&text) {
                prop_assert!(made.is_ascii() && made.eq_ignore_ascii_case(&text), "{} of {}", made, text);
                prop_assert_eq!(address(&made), Some(made));
            }
        }
    }
}
