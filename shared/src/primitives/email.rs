//! Email addresses. Members log in with them.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An email address in lower case.
///
/// Only ASCII is accepted. Some Unicode letters become ASCII letters when their case is changed, so two different addresses
/// could be treated as the same one (CVE-2019-19844).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(
    inline,
    extend("pattern" = pattern()),
    description = "An email address in ASCII, with at most 64 characters before the `@` and 254 after it. Case is ignored."
)]
#[serde(try_from = "String")]
pub struct EmailAddress(String);

#[derive(Debug, thiserror::Error)]
#[error("must be an email address in ASCII, such as user@example.com")]
pub struct InvalidEmailAddress;

impl EmailAddress {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = InvalidEmailAddress;

    fn try_from(mut text: String) -> Result<Self, InvalidEmailAddress> {
        // Rejects display names and address literals such as user@[127.0.0.1].
        let options = email_address::Options::default().without_display_text().without_domain_literal();
        if !text.is_ascii() || email_address::EmailAddress::parse_with_options(&text, options).is_err() {
            return Err(InvalidEmailAddress);
        }
        text.make_ascii_lowercase();
        Ok(Self(text))
    }
}

// An address is personal data, so `Debug` does not show it: it could appear in a log by mistake.
impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress(…)")
    }
}

/// Returns a regular expression for addresses. It does not limit the length of their parts. The schema does not use
/// `format: email`, because validators interpret it differently and not always as RFC 5321 does.
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
    fn address_is_converted_to_lower_case() {
        assert_eq!(address("User@Example.COM").as_deref(), Some("user@example.com"));
    }

    #[test]
    fn address_with_lookalike_unicode_letters_is_rejected() {
        // A Kelvin sign, a dotless i, a ligature and a full-width letter.
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
    fn text_that_is_not_an_address_is_rejected() {
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
    fn debug_output_does_not_reveal_the_address() {
        let address = EmailAddress::try_from("user@example.com".to_owned()).unwrap();
        assert_eq!(format!("{address:?}"), "EmailAddress(…)");
    }

    proptest! {
        #[test]
        fn parsing_an_address_again_returns_the_same_address(text in "[A-Za-z0-9.+-]{1,10}@[A-Za-z0-9-]{1,10}\\.(com|ORG)") {
            if let Some(once) = address(&text) {
                prop_assert_eq!(address(&once), Some(once));
            }
        }

        #[test]
        fn parsed_address_differs_from_its_text_only_in_ascii_case(text in "\\PC{0,8}(@|\u{ff20})\\PC{0,8}|[a-z\u{212a}\u{130}\u{131}\u{17f}\u{fb01}\u{ff41}\u{430}]{1,6}@[a-z\u{212a}.]{1,6}") {
            if let Some(parsed) = address(&text) {
                prop_assert!(parsed.is_ascii() && parsed.eq_ignore_ascii_case(&text), "{} of {}", parsed, text);
                prop_assert_eq!(address(&parsed), Some(parsed));
            }
        }
    }
}
