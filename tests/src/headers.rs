//! Headers that are none of our business.

use serde_json::json;

use crate::service::Service;

#[tokio::test]
async fn a_host_that_is_none_changes_nothing() {
    let service = Service::start().await;
    for host in ["[", "a b", "@@", "a:b:c", "%", "<", "^", "xn--", "127.0.0.1:99999", "256.1.1.1", ""] {
        let header = format!("Host: {host}");
        let answer = service.raw("GET /v1/health", &[header.as_bytes()], "").await;
        assert_eq!(answer.expect(200), json!({"status": "ok"}), "{host}");
    }
}

#[tokio::test]
async fn values_outside_of_ascii_change_nothing() {
    let service = Service::start().await;
    let account = service.account().await;
    let authorization = format!("Authorization: {}", account.session.0);
    for name in ["User-Agent", "X-Forwarded-For", "Cookie", "Referer", "X-Amzn-Trace-Id", "Accept"] {
        for value in [&b"\xc3\xa4"[..], b"\xff\xfe", b"a\tb", b""] {
            let header = [name.as_bytes(), b": ", value].concat();
            let answer = service.raw("GET /v1/auth/me", &[authorization.as_bytes(), &header], "").await;
            assert_eq!(answer.expect(200)["type"], "session", "{name}: {value:?}");
        }
    }
}

#[tokio::test]
async fn a_query_that_grows_when_it_is_encoded_is_no_fault() {
    let service = Service::start().await;
    let account = service.account().await;
    let authorization = format!("Authorization: {}", account.session.0);
    for length in [1_000, 3_000, 10_000, 20_000] {
        let line = format!("GET /v1/projects?x={}", "%ff".repeat(length));
        let answer = service.raw(&line, &[authorization.as_bytes()], "").await;
        assert!([200, 413].contains(&answer.status), "{length}: {}", answer.text);
    }
}
