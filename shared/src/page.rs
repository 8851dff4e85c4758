//! Answers that a browser shows to a person.

use lambda_http::{
    Body,
    http::{HeaderValue, header},
};

use crate::http::Response;

/// What a browser is told to refuse, whatever a page should come to hold.
///
/// Sources: OWASP ASVS 5.0.0, 3.4, and the OWASP HTTP Headers Cheat Sheet.
const PROTECTION: [(&str, &str); 7] = [
    ("strict-transport-security", "max-age=63072000; includeSubDomains"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ("x-frame-options", "DENY"),
];

/// A page of HTML.
#[must_use]
pub fn html(text: impl Into<Body>) -> Response {
    let mut response = Response::new(text.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

/// The answer, with what protects the person who sees it: `sources` are the directives of its Content Security Policy
/// that let in what it needs, such as `style-src 'self'`. All else is refused.
///
/// # Panics
/// When `sources` can't stand in a header.
#[must_use]
pub fn protected(mut response: Response, sources: &str) -> Response {
    let policy =
        format!("default-src 'none'; {sources}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    let policy = HeaderValue::from_str(&policy).expect("directives are ASCII");
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    for (name, value) in PROTECTION {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
