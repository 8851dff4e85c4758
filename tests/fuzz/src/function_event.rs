//! The event that API Gateway invokes a function with.

use std::collections::HashMap;

use serde_json::Value;
use shared::{authorization::context, rate_limit::decision::RateLimitDecision};

use crate::rest_event;

/// A function behind the authorizer lets nobody in but whom a well-formed context of the authorizer names, and what is read
/// of that context is what is written into one.
pub(crate) fn check(input: &[u8]) {
    let answer = match rest_event::invoke("me", input.to_vec()) {
        Ok(answer) => answer,
        Err(kind) => return assert_eq!(kind, "Runtime.InvalidEvent"),
    };
    let status = answer["statusCode"].as_u64().expect("a status");
    assert!(matches!(status, 200 | 401 | 429), "answers {answer}");
    let event: Value = serde_json::from_slice(input).expect("it was read");
    let fields = event["requestContext"]["authorizer"].as_object().cloned().unwrap_or_default();
    let fields: HashMap<_, _> = fields.into_iter().collect();
    let Ok((caller, limit)) = context::read(&fields) else {
        // A second payload has its context elsewhere.
        let lambda = event["requestContext"]["authorizer"]["lambda"].is_object();
        return assert!(status == 401 || lambda, "lets nobody in: {answer}");
    };
    let written = context::write(&caller, limit);
    let received: HashMap<_, _> =
        written.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    assert_eq!(context::read(&received).ok(), Some((caller.clone(), limit)));
    if status == 200 {
        assert!(!matches!(limit, Some(RateLimitDecision::Exceeded(_))));
        let me: Value = serde_json::from_str(answer["body"].as_str().expect("a body")).expect("JSON");
        assert_eq!(me["account_id"], caller.account_id().to_string());
    }
}
