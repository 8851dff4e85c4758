//! The web origin whose pages may read the service's responses (Cross-Origin Resource Sharing, CORS,
//! <https://fetch.spec.whatwg.org/#http-cors-protocol>).

use std::str::FromStr;

use lambda_http::http::{HeaderMap, HeaderValue, header};

/// The response headers that pages may read in addition to the CORS-safelisted ones.
const EXPOSED: HeaderValue =
    HeaderValue::from_static("X-Request-Id, Retry-After, RateLimit, RateLimit-Policy, Idempotency-Replayed");

/// A web origin, such as `https://app.example.com`. The values `*` and `null` are not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(HeaderValue);

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an origin such as https://app.example.com")]
pub struct InvalidOrigin;

impl Origin {
    /// Adds the CORS headers that allow pages of this origin to read a response. They are the same for every request: the
    /// browser compares the origin, so responses do not depend on the request's `Origin` header.
    pub fn insert_cors_headers(&self, headers: &mut HeaderMap) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, self.0.clone());
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
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
        host.filter(|host| is_host(host))
            .and_then(|_| HeaderValue::from_str(text).ok())
            .map(Self)
            .ok_or(InvalidOrigin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scheme_and_host_are_parsed_as_an_origin() {
        for text in ["https://app.example.com", "https://a:8443", "http://localhost:5173"] {
            assert_eq!(text.parse(), Ok(Origin(HeaderValue::from_static(text))));
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
