//! The security headers of responses, and HTML responses.

use lambda_http::{
    Body,
    http::{HeaderMap, HeaderValue, header},
};

use crate::http::Response;

/// The directives that every Content Security Policy starts with. Alone, they forbid everything.
const BASE_DIRECTIVES: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The headers of every response: use only TLS, do not guess the media type, and neither execute nor frame the content.
///
/// In the template, API Gateway's own responses have these headers, too. Header values in a template must not contain single
/// quotes, so their policy has directives without a source instead of `'none'`, which means the same
/// (<https://www.w3.org/TR/CSP3/#match-url-to-source-list>).
///
/// Source: OWASP ASVS 5.0.0, 3.4.
const COMMON_HEADERS: [(&str, &str); 3] = [
    ("strict-transport-security", "max-age=63072000; includeSubDomains"),
    ("x-content-type-options", "nosniff"),
    ("content-security-policy", BASE_DIRECTIVES),
];

/// The additional headers of HTML pages.
///
/// Sources: OWASP ASVS 5.0.0, 3.4, and the OWASP HTTP Headers Cheat Sheet.
const PAGE_HEADERS: [(&str, &str); 5] = [
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ("x-frame-options", "DENY"),
];

/// Returns a response with an HTML page.
#[must_use]
pub fn html(text: impl Into<Body>) -> Response {
    let mut response = Response::new(text.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

/// Adds the security headers of an HTML page. `directives` are the directives of its Content Security Policy that allow
/// what the page needs, such as `style-src 'self'`. The policy forbids everything else.
///
/// # Panics
/// If `directives` is not a valid header value.
#[must_use]
pub fn with_page_headers(mut response: Response, directives: &str) -> Response {
    let policy =
        HeaderValue::from_str(&format!("{BASE_DIRECTIVES}; {directives}")).expect("directives are ASCII");
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    for (name, value) in PAGE_HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    add_common(headers);
    response
}

/// Adds the security headers of every response, except those that the response already has.
pub(crate) fn add_common(headers: &mut HeaderMap) {
    for (name, value) in COMMON_HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}
