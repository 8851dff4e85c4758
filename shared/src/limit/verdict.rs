//! Whether a request is within its key's limit: what the authorizer finds out, and functions answer.
//!
//! A REST API's authorizer can't answer 429 itself. So it lets the request in and says in its context how the limit
//! stands; where it is exceeded, the function answers 429 before it does anything.

use std::collections::HashMap;

use lambda_http::http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use super::{Quota, WINDOW_SECONDS};
use crate::principal::MalformedContext;

/// Whether a request of a key is within its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Within(Allowance),
    /// It is not: the quota is used up.
    Exceeded(Allowance),
}

/// What a caller is told of its limit, as the `IETF` draft `draft-ietf-httpapi-ratelimit-headers` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// How many requests are let in during a window.
    pub quota: Quota,
    /// How many more are let in during this one, as far as this program knows.
    pub remaining: u32,
    /// In how many seconds the next window begins, or the counter may be written again.
    pub resets_in: u32,
}

impl Verdict {
    /// What stands in the authorizer's context, beside the [principal](crate::principal::Principal).
    #[must_use]
    pub fn to_context(self) -> [(&'static str, String); 4] {
        let (name, allowance) = match self {
            Self::Within(allowance) => (WITHIN, allowance),
            Self::Exceeded(allowance) => (EXCEEDED, allowance),
        };
        [
            ("rate_limit", name.to_owned()),
            ("rate_limit_quota", allowance.quota.get().to_string()),
            ("rate_limit_remaining", allowance.remaining.to_string()),
            ("rate_limit_resets_in", allowance.resets_in.to_string()),
        ]
    }

    /// What the authorizer's context says of the limit: nothing for a session, nor where it could not be told.
    ///
    /// # Errors
    /// When it is malformed.
    pub fn from_context(context: &HashMap<String, Value>) -> Result<Option<Self>, MalformedContext> {
        let text = |name: &str| context.get(name).and_then(Value::as_str);
        let Some(verdict) = text("rate_limit") else { return Ok(None) };
        let number =
            |name: &str| text(name).and_then(|text| text.parse::<u32>().ok()).ok_or(MalformedContext);
        let allowance = Allowance {
            quota: number("rate_limit_quota")?.try_into().map(Quota).map_err(|_| MalformedContext)?,
            remaining: number("rate_limit_remaining")?,
            resets_in: number("rate_limit_resets_in")?,
        };
        match verdict {
            WITHIN => Ok(Some(Self::Within(allowance))),
            EXCEEDED => Ok(Some(Self::Exceeded(allowance))),
            _ => Err(MalformedContext),
        }
    }

    /// How the limit stands.
    #[must_use]
    pub fn allowance(self) -> Allowance {
        match self {
            Self::Within(allowance) | Self::Exceeded(allowance) => allowance,
        }
    }
}

/// How a context says whether the limit is exceeded.
const WITHIN: &str = "within";
const EXCEEDED: &str = "exceeded";

impl Allowance {
    /// Puts what the caller is told into the headers of its answer.
    ///
    /// # Panics
    /// Never: numbers make header values.
    pub fn write_to(self, headers: &mut HeaderMap) {
        let Self { quota, remaining, resets_in } = self;
        let policy = format!(r#""default";q={};w={WINDOW_SECONDS}"#, quota.get());
        let limit = format!(r#""default";r={remaining};t={resets_in}"#);
        for (name, value) in [("ratelimit-policy", policy), ("ratelimit", limit)] {
            let value = HeaderValue::try_from(value).expect("numbers make header values");
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_verdict() -> impl Strategy<Value = Verdict> {
        (any::<bool>(), 1..=u32::MAX, any::<u32>(), any::<u32>()).prop_map(
            |(is_within, quota, remaining, resets_in)| {
                let quota = Quota::new(quota.try_into().unwrap());
                let allowance = Allowance { quota, remaining, resets_in };
                if is_within { Verdict::Within(allowance) } else { Verdict::Exceeded(allowance) }
            },
        )
    }

    fn as_received(verdict: Verdict) -> HashMap<String, Value> {
        verdict.to_context().into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
    }

    #[test]
    fn a_context_without_a_verdict_has_none() {
        assert_eq!(Verdict::from_context(&HashMap::new()).unwrap(), None);
    }

    #[test]
    fn callers_are_told_as_the_draft_has_it() {
        let quota = Quota::new(100.try_into().unwrap());
        let mut headers = HeaderMap::new();
        Allowance { quota, remaining: 42, resets_in: 18 }.write_to(&mut headers);
        assert_eq!(headers["ratelimit-policy"], r#""default";q=100;w=60"#);
        assert_eq!(headers["ratelimit"], r#""default";r=42;t=18"#);
    }

    proptest! {
        #[test]
        fn a_context_says_how_the_limit_stands(verdict in any_verdict()) {
            prop_assert_eq!(Verdict::from_context(&as_received(verdict)).unwrap(), Some(verdict));
        }

        #[test]
        fn a_context_with_a_malformed_value_is_malformed(
            verdict in any_verdict(),
            at in 0_usize..4,
            value in "|-1|x|WITHIN|4294967296",
        ) {
            let mut context = as_received(verdict);
            let (name, _) = verdict.to_context()[at];
            context.insert(name.to_owned(), value.into());
            prop_assert!(Verdict::from_context(&context).is_err());
        }

        #[test]
        fn no_quota_is_nothing(verdict in any_verdict()) {
            let mut context = as_received(verdict);
            context.insert("rate_limit_quota".to_owned(), "0".into());
            prop_assert!(Verdict::from_context(&context).is_err());
        }
    }
}
