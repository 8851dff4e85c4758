//! The rate-limit decision on one request.
//!
//! The authorizer of a REST API cannot return 429 itself. It authorizes the request and passes this decision on in its
//! context; if the limit is exceeded, the function returns 429 before it does anything else.

use crate::primitives::quota::Quota;

/// The decision whether a request of an API key is within the key's limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateLimitDecision {
    Within(RateLimitStatus),
    /// The quota is exhausted: 429.
    Exceeded(RateLimitStatus),
}

/// The status of a key's limit, as the response headers report it (IETF draft `draft-ietf-httpapi-ratelimit-headers`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimitStatus {
    /// Requests per window.
    pub quota: Quota,
    /// Requests left in the current window, as far as this execution environment knows.
    pub remaining: u32,
    /// Seconds until the next window begins, or until the counter can be written again.
    pub resets_in: u32,
}

impl RateLimitDecision {
    #[must_use]
    pub fn status(self) -> RateLimitStatus {
        match self {
            Self::Within(status) | Self::Exceeded(status) => status,
        }
    }
}
