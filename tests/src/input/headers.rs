//! Request headers that the service ignores, and the security headers of responses.

use serde_json::json;

use crate::service::{OwnService, PASSWORD, Service};

#[tokio::test]
async fn invalid_host_is_ignored() {
    let service = Service::start().await;
    for host in ["[", "a b", "@@", "a:b:c", "%", "<", "^", "xn--", "127.0.0.1:99999", "256.1.1.1", ""] {
        let header = format!("Host: {host}");
        let response = service.raw("GET /v1/health", &[header.as_bytes()], "").await;
        assert_eq!(response.expect(200), json!({"status": "ok"}), "{host}");
    }
}

#[tokio::test]
async fn non_ascii_values_are_ignored() {
    let service = Service::start().await;
    let account = service.account().await;
    let authorization = format!("Authorization: {}", account.session.0);
    for name in ["User-Agent", "X-Forwarded-For", "Cookie", "Referer", "X-Amzn-Trace-Id", "Accept"] {
        for value in [&b"\xc3\xa4"[..], b"\xff\xfe", b"a\tb", b""] {
            let header = [name.as_bytes(), b": ", value].concat();
            let response = service.raw("GET /v1/auth/me", &[authorization.as_bytes(), &header], "").await;
            assert_eq!(response.expect(200)["type"], "session", "{name}: {value:?}");
        }
    }
}

#[tokio::test]
async fn query_that_grows_when_encoded_returns_400_or_413() {
    let service = Service::start().await;
    let account = service.account().await;
    let authorization = format!("Authorization: {}", account.session.0);
    for length in [1_000, 3_000, 10_000, 20_000] {
        let line = format!("GET /v1/projects?x={}", "%ff".repeat(length));
        let response = service.raw(&line, &[authorization.as_bytes()], "").await;
        assert!([400, 413].contains(&response.status), "{length}: {}", response.text);
    }
}

#[tokio::test]
async fn forwarded_source_addresses_are_ignored() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let attempt = async |password: &str, source: &str| {
        let body = json!({"email": account.email, "password": password});
        let mut request = service.request("POST", "/v1/auth/login").json(&body);
        for name in ["X-Forwarded-For", "X-Real-IP", "True-Client-IP", "CF-Connecting-IP"] {
            request = request.header(name, source);
        }
        request.header("Forwarded", &format!("for={source}")).send().await.status
    };
    for n in 0..5 {
        assert_eq!(attempt("a lizard on the 8th wall", &format!("192.0.2.{n}")).await, 401);
    }
    assert_eq!(attempt(PASSWORD, "192.0.2.9").await, 429);
    let events = service.get("/v1/audit-events?limit=5", &account.session).await.expect(200);
    for event in events["data"].as_array().expect("a list") {
        assert_eq!((&event["type"], &event["source_ip"]), (&json!("login.refused"), &json!("127.0.0.1")));
    }
}

#[tokio::test]
async fn every_function_response_forbids_framing_and_scripts() {
    let service = Service::start().await;
    let session = service.account().await.session;
    for response in [
        service.request("GET", "/v1/health").send().await,
        service.me(&session).await,
        service.post("/v1/projects", &session, json!({})).await,
        service.get("/v1/projects/proj_0", &session).await,
        service.request("POST", "/v1/auth/login").json(&json!({"email": "", "password": ""})).send().await,
        service.request("POST", "/v1/auth/logout").with(&session).send().await,
    ] {
        let policy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        assert_eq!(response.header("content-security-policy"), Some(policy), "{response:?}");
    }
}
