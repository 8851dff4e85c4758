//! Answers that a browser shows to a person, and what a browser is told of all others.

use lambda_http::{
    Body,
    http::{HeaderMap, HeaderValue, header},
};

use crate::http::Response;

/// What no page of ours needs. In an answer that is no page, a browser would not so much as load a picture.
const POLICY: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What a browser is told of every answer, whatever it takes it for: come back by TLS alone, believe its type, and
/// neither run nor frame anything in it. The template says the first two of what API Gateway answers too; the quotes of a
/// policy can't stand there, since they would end the value.
///
/// Source: OWASP ASVS 5.0.0, 3.4.
const OF_ALL_ANSWERS: [(&str, &str); 3] = [
    ("strict-transport-security", "max-age=63072000; includeSubDomains"),
    ("x-content-type-options", "nosniff"),
    ("content-security-policy", POLICY),
];

/// What else it is told to refuse, whatever a page should come to hold.
///
/// Sources: OWASP ASVS 5.0.0, 3.4, and the OWASP HTTP Headers Cheat Sheet.
const OF_PAGES: [(&str, &str); 5] = [
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
    let policy = HeaderValue::from_str(&format!("{POLICY}; {sources}")).expect("directives are ASCII");
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    for (name, value) in OF_PAGES {
        headers.insert(name, HeaderValue::from_static(value));
    }
    protect(headers);
    response
}

/// Adds what a browser is told of every answer, where its function has not said more.
pub(crate) fn protect(headers: &mut HeaderMap) {
    for (name, value) in OF_ALL_ANSWERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}
