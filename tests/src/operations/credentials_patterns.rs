//! `GET /v1/credentials/patterns`.

use serde_json::{Value, json};

use crate::{
    response::text,
    service::{Service, key_path},
};

/// Returns true if `token` has the prefix and the length of `pattern`.
fn matches(pattern: &Value, token: &str) -> bool {
    let (prefix, regex) = (text(pattern, "prefix"), text(pattern, "regex"));
    let length = regex.strip_prefix(&format!(r"\b({prefix}[0-9A-Za-z]{{")).expect("the prefix and digits");
    let length: usize = length.strip_suffix(r"})\b").expect("a length").parse().expect("a number");
    token.strip_prefix(prefix).is_some_and(|digits| {
        digits.len() == length && digits.chars().all(|digit| digit.is_ascii_alphanumeric())
    })
}

#[tokio::test]
async fn patterns_are_those_of_the_contract() {
    let service = Service::start().await;
    let patterns = service.request("GET", "/v1/credentials/patterns").send().await.expect(200);
    assert_eq!(
        patterns,
        json!([
            {"type": "api_key", "regex": r"\b(mt_live_[0-9A-Za-z]{70})\b", "prefix": "mt_live_"},
            {"type": "api_key", "regex": r"\b(mt_test_[0-9A-Za-z]{70})\b", "prefix": "mt_test_"},
            {"type": "session", "regex": r"\b(sess_[0-9A-Za-z]{86})\b", "prefix": "sess_"},
        ])
    );
}

#[tokio::test]
async fn each_issued_token_matches_exactly_its_pattern() {
    let service = Service::start().await;
    let session = service.account().await.session;
    let patterns = service.request("GET", "/v1/credentials/patterns").send().await.expect(200);
    let matching = |token: &str| {
        let patterns = patterns.as_array().expect("a list").iter();
        let matching = patterns.filter(|pattern| matches(pattern, token));
        matching.map(|pattern| text(pattern, "prefix").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(matching(session.token()), ["sess_"]);
    for (environment, prefix) in [("live", "mt_live_"), ("test", "mt_test_")] {
        let (key, record) = service.key(&session, json!({"type": environment})).await;
        assert_eq!(matching(key.token()), [prefix]);
        let (rotated, _) = service.rotate(&record, &session, 0).await;
        assert_eq!(matching(rotated.token()), [prefix]);
        assert_eq!(matching(&key_path(&record)), [""; 0]);
        assert_eq!(matching(&key.token()[1..]), [""; 0]);
    }
}
