//! The input is an event with which API Gateway invokes a function behind the authorizer.

use std::collections::HashMap;

use serde_json::Value;
use shared::{authorization::context, rate_limit::decision::RateLimitDecision};

use crate::rest_event;

/// The function returns 401 unless the event contains a well-formed authorizer context, 404 if the event is for another route, and
/// 400 if it contains a query parameter. A context that parses can be written and parsed again without a change.
pub(crate) fn check(input: &[u8]) {
    let response = match rest_event::invoke("me", input.to_vec()) {
        Ok(response) => response,
        Err(error_type) => return assert_eq!(error_type, "Runtime.InvalidEvent"),
    };
    let status = response["statusCode"].as_u64().expect("a status");
    assert!(matches!(status, 200 | 400 | 401 | 404 | 429), "unexpected status: {response}");
    let event: Value = serde_json::from_slice(input).expect("an accepted event is JSON");
    let fields = event["requestContext"]["authorizer"].as_object().cloned().unwrap_or_default();
    let fields: HashMap<_, _> = fields.into_iter().collect();
    let Ok((caller, limit)) = context::read(&fields) else {
        // An event of payload version 2 has its context in another field.
        let is_version_2 = event["requestContext"]["authorizer"]["lambda"].is_object();
        return assert!(status == 401 || is_version_2, "authorized without a context: {response}");
    };
    let written = context::write(&caller, limit);
    let received: HashMap<_, _> =
        written.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    assert_eq!(context::read(&received).ok(), Some((caller.clone(), limit)));
    if status == 200 {
        assert!(!matches!(limit, Some(RateLimitDecision::Exceeded(_))));
        let me: Value = serde_json::from_str(response["body"].as_str().expect("a body")).expect("JSON");
        assert_eq!(me["account_id"], caller.account_id().to_string());
    }
}
