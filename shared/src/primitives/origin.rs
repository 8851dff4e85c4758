//! The web origin whose pages may read our answers (Cross-Origin Resource Sharing,
//! <https://fetch.spec.whatwg.org/#http-cors-protocol>).

use std::str::FromStr;

use lambda_http::http::{HeaderMap, HeaderValue, header};

/// The headers of ours that pages may read, beside those that a browser shows to all.
const EXPOSED: HeaderValue =
    HeaderValue::from_static("X-Request-Id, Retry-After, RateLimit, RateLimit-Policy, Idempotency-Replayed");

/// A web origin, such as `https://app.example.com`. Neither `*` nor `null` is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(HeaderValue);

/// A text is no origin.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an origin such as https://app.example.com")]
pub struct MalformedOrigin;

impl Origin {
    /// Says in an answer that pages of this origin may read it. Whoever asks is told the same: the browser
    /// compares, and no answer depends on what a request says of itself.
    pub fn admit(&self, headers: &mut HeaderMap) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, self.0.clone());
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}

impl FromStr for Origin {
    type Err = MalformedOrigin;

    fn from_str(text: &str) -> Result<Self, MalformedOrigin> {
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let is_host = |host: &str| {
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.:".contains(&b);
            !host.is_empty() && host.bytes().all(plain)
        };
        host.filter(|host| is_host(host))
            .and_then(|_| HeaderValue::from_str(text).ok())
            .map(Self)
            .ok_or(MalformedOrigin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_and_a_host() {
        for text in ["https://app.example.com", "https://a:8443", "http://localhost:5173"] {
            assert_eq!(text.parse(), Ok(Origin(HeaderValue::from_static(text))));
        }
    }

    #[test]
    fn what_lets_in_more_than_one_is_none() {
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
            assert_eq!(text.parse::<Origin>(), Err(MalformedOrigin), "{text}");
        }
    }
}
