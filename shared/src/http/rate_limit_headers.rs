//! The response headers `RateLimit-Policy` and `RateLimit` (IETF draft `draft-ietf-httpapi-ratelimit-headers`).

use lambda_http::http::{HeaderMap, HeaderName, HeaderValue};

use crate::{primitives::quota::WINDOW_SECONDS, rate_limit::decision::RateLimitStatus};

/// Adds the headers with the status of the caller's rate limit.
///
/// # Panics
/// Never: numbers are valid header values.
pub(super) fn insert(headers: &mut HeaderMap, status: RateLimitStatus) {
    let RateLimitStatus { quota, remaining, resets_in } = status;
    let policy = format!(r#""default";q={};w={WINDOW_SECONDS}"#, quota.get());
    let limit = format!(r#""default";r={remaining};t={resets_in}"#);
    for (name, value) in [("ratelimit-policy", policy), ("ratelimit", limit)] {
        let value = HeaderValue::try_from(value).expect("numbers are valid header values");
        headers.insert(HeaderName::from_static(name), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::quota::Quota;

    #[test]
    fn headers_have_the_syntax_of_the_ietf_draft() {
        let quota = Quota::new(100.try_into().unwrap());
        let mut headers = HeaderMap::new();
        insert(&mut headers, RateLimitStatus { quota, remaining: 42, resets_in: 18 });
        assert_eq!(headers["ratelimit-policy"], r#""default";q=100;w=60"#);
        assert_eq!(headers["ratelimit"], r#""default";r=42;t=18"#);
    }
}
