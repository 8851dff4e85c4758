//! The response headers `Deprecation` (RFC 9745) and `Sunset` (RFC 8594) for a secret that a rotation replaced.

use std::time::SystemTime;

use httpdate::fmt_http_date;
use lambda_http::http::{HeaderMap, HeaderName, HeaderValue};

use crate::authorization::principal::SecretDeprecation;

/// Adds the headers that tell a client that its secret was replaced, and when the secret ends. If the time of the rotation is
/// unknown, there is no `Deprecation`, because its value must be a date (RFC 9745, section 2.1).
///
/// # Panics
/// Never: numbers and dates are valid header values.
pub(super) fn insert(headers: &mut HeaderMap, deprecation: SecretDeprecation) {
    let SecretDeprecation { replaced_at, ends_at } = deprecation;
    let replaced_at = replaced_at.map(|time| ("deprecation", format!("@{}", time.unix_seconds())));
    let ends_at = ("sunset", fmt_http_date(SystemTime::from(ends_at)));
    for (name, value) in replaced_at.into_iter().chain([ends_at]) {
        let value = HeaderValue::try_from(value).expect("numbers and dates are valid header values");
        headers.insert(HeaderName::from_static(name), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(replaced_at: Option<&str>, ends_at: &str) -> HeaderMap {
        let parse = |time: &str| time.parse().unwrap();
        let mut headers = HeaderMap::new();
        insert(
            &mut headers,
            SecretDeprecation { replaced_at: replaced_at.map(parse), ends_at: parse(ends_at) },
        );
        headers
    }

    /// The dates are those of the example in RFC 9745.
    #[test]
    fn headers_have_the_syntax_of_their_rfcs() {
        let headers = headers(Some("2023-06-30T23:59:59Z"), "2024-06-30T23:59:59Z");
        assert_eq!(headers["deprecation"], "@1688169599");
        assert_eq!(headers["sunset"], "Sun, 30 Jun 2024 23:59:59 GMT");
    }

    #[test]
    fn unknown_time_of_the_rotation_leaves_deprecation_out() {
        let headers = headers(None, "9999-12-31T23:59:59Z");
        assert_eq!(headers.get("deprecation"), None);
        assert_eq!(headers["sunset"], "Fri, 31 Dec 9999 23:59:59 GMT");
    }
}
