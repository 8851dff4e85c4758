//! Web origins (<https://html.spec.whatwg.org/multipage/browsers.html#origin>).

use std::str::FromStr;

/// A web origin, such as `https://app.example.com`. The values `*` and `null` are not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an origin such as https://app.example.com")]
pub struct InvalidOrigin;

impl Origin {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Origin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let is_host = |host: &str| {
            let is_allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.:".contains(&b);
            !host.is_empty() && host.bytes().all(is_allowed)
        };
        host.filter(|host| is_host(host)).map(|_| Self(text.to_owned())).ok_or(InvalidOrigin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scheme_and_host_are_parsed_as_an_origin() {
        for text in ["https://app.example.com", "https://a:8443", "http://localhost:5173"] {
            assert_eq!(text.parse(), Ok(Origin(text.to_owned())));
        }
    }

    #[test]
    fn text_that_is_not_exactly_one_origin_is_rejected() {
        for text in [
            "",
            "*",
            "null",
            "https://",
            "https://*",
            "https://*.example.com",
            "https://a.example.com https://b.example.com",
            "https://a.example.com,https://b.example.com",
            "https://app.example.com/",
            "https://App.example.com",
            "app.example.com",
            "ftp://app.example.com",
            "https://app.example.com\r\nSet-Cookie: a=b",
        ] {
            assert_eq!(text.parse::<Origin>(), Err(InvalidOrigin), "{text}");
        }
    }
}
