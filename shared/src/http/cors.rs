//! The response headers that allow a web origin's pages to read responses (Cross-Origin Resource Sharing, CORS,
//! <https://fetch.spec.whatwg.org/#http-cors-protocol>).

use lambda_http::http::{HeaderMap, HeaderValue, header};

use crate::primitives::origin::Origin;

/// The response headers that pages may read in addition to the CORS-safelisted ones.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "X-Request-Id, Retry-After, RateLimit, RateLimit-Policy, Deprecation, Sunset, Idempotency-Replayed",
);

/// Adds the headers that allow pages of `origin` to read a response. They are the same for every request: the browser
/// compares the origin, so responses do not depend on the request's `Origin` header.
///
/// # Panics
/// Never: the characters of an origin are valid in a header.
pub(super) fn insert(headers: &mut HeaderMap, origin: &Origin) {
    let origin = HeaderValue::from_str(origin.as_str()).expect("an origin is a valid header value");
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
}
