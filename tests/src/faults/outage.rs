//! Outages of the table. Requests that need it get 503 without a reason, never 401 or 403.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use serde_json::{Value, json};
use tracing_subscriber::filter::LevelFilter;

use crate::{
    deployment::logs::CapturedLog,
    dynamodb::Fault,
    response::Response,
    service::{OwnService, PASSWORD, key_path},
};

/// Errors that the table can return: status and code.
const TABLE_ERRORS: [(StatusCode, &str); 5] = [
    (StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError"),
    (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable"),
    (StatusCode::BAD_REQUEST, "ProvisionedThroughputExceededException"),
    (StatusCode::BAD_REQUEST, "ResourceNotFoundException"),
    (StatusCode::BAD_REQUEST, "AccessDeniedException"),
];

#[track_caller]
fn assert_unavailable(response: &Response) {
    assert_eq!(response.status, 503, "{}", response.text);
    assert_eq!(
        response.text,
        r#"{"error": {"code": "UNAVAILABLE", "message": "The service is unavailable"}}"#
    );
    assert_eq!(response.header("retry-after"), Some("1"));
    assert_eq!(response.header("www-authenticate"), None);
}

fn login(email: &str, password: &str) -> Value {
    json!({"email": email, "password": password})
}

#[tokio::test]
async fn unavailable_table_returns_503_until_recovery() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let (key, _) = service.key(&account.session, json!({})).await;
    for (status, code) in TABLE_ERRORS {
        dynamodb.inject(Fault::Error(status, code), None);
        for path in ["/v1/auth/me", "/v1/projects", "/v1/api-keys", "/v1/members"] {
            for credential in [&key, &account.session] {
                assert_unavailable(&service.get(path, credential).await);
            }
        }
        for (email, password) in [(&*account.email, PASSWORD), (&account.email, "x"), ("x@example.com", "x")]
        {
            let request = service.request("POST", "/v1/auth/login").json(&login(email, password));
            assert_unavailable(&request.send().await);
        }
        let health = service.request("GET", "/v1/health").send().await;
        assert_eq!(health.expect(200), json!({"status": "ok"}));
        dynamodb.recover();
        service.me(&key).await.expect(200);
    }
}

#[tokio::test]
async fn refused_connection_returns_503() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let (key, _) = service.key(&account.session, json!({})).await;
    dynamodb.stop().await;
    assert_unavailable(&service.me(&key).await);
    let request = service.request("POST", "/v1/auth/login").json(&login(&account.email, PASSWORD));
    assert_unavailable(&request.send().await);
    service.request("GET", "/v1/health").send().await.expect(200);
}

#[tokio::test]
async fn unresponsive_table_returns_503_before_the_gateway_times_out() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    dynamodb.inject(Fault::Hang, None);
    let login = service.request("POST", "/v1/auth/login").json(&login(&account.email, PASSWORD)).send();
    let started = Instant::now();
    let me = async { (service.me(&account.session).await, started.elapsed()) };
    let ((me, elapsed), login) = tokio::join!(me, login);
    assert_unavailable(&me);
    // After ten seconds, Lambda would end the invocation, with the same response.
    assert!(elapsed < Duration::from_secs(9), "{elapsed:?}");
    assert_unavailable(&login);
}

#[tokio::test]
async fn incomplete_batch_returns_503_not_401() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let (key, _) = service.key(&account.session, json!({})).await;
    dynamodb.inject(Fault::UnprocessedKey, None);
    for credential in [&key, &account.session] {
        assert_unavailable(&service.me(credential).await);
    }
}

#[tokio::test]
async fn cancelled_transaction_returns_503_and_logs_the_reason() {
    let log = CapturedLog::start(LevelFilter::INFO);
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let (_, record) = service.key(&account.session, json!({})).await;
    dynamodb.inject(Fault::Cancel("ValidationError"), Some("TransactWriteItems"));
    log.take_records();
    assert_unavailable(&service.delete(&key_path(&record), &account.session).await);
    let records = log.take_records();
    let failed = records.iter().find(|record| record["Outcome"] == "failed").expect("a line");
    assert_eq!(failed["reason"], "DynamoDB failed: cancelled: ValidationError, None, None, None, None");
}

#[tokio::test]
async fn malformed_credential_returns_401_without_the_table() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    dynamodb.inject(Fault::Error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError"), None);
    service.request("GET", "/v1/auth/me").send().await.assert_unauthorized();
    for value in ["Bearer mt_live_x", "Session sess_x", "Basic eDp4", "Bearer"] {
        let request = service.request("GET", "/v1/auth/me").header("Authorization", value);
        request.send().await.assert_unauthorized();
    }
    service.request("GET", "/v1/nothing").send().await.assert_not_found();
}

#[tokio::test]
async fn failure_after_the_authorizer_returns_503_and_changes_nothing() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let (key, record) = service.key(&account.session, json!({})).await;
    let project = format!("/v1/projects/{}", service.project(&account.session).await);
    let member = format!("/v1/members/{}", service.member(&account.session, &["read"]).await.1);
    let (path, rotation) = (key_path(&record), format!("{}/rotate", key_path(&record)));
    let new_member = json!({"email": "new@example.com", "permissions": ["read"]});
    let password = json!({"current_password": PASSWORD, "new_password": "two lizards on the wall"});
    for (method, path, body, operation) in [
        ("POST", "/v1/api-keys", json!({"name": "A", "permissions": ["read"]}), "TransactWriteItems"),
        ("GET", "/v1/api-keys", Value::Null, "Query"),
        ("GET", "/v1/api-keys", Value::Null, "GetItem"),
        ("GET", &path, Value::Null, "BatchGetItem"),
        ("DELETE", &path, Value::Null, "GetItem"),
        ("DELETE", &path, Value::Null, "TransactWriteItems"),
        ("POST", &rotation, json!({}), "BatchGetItem"),
        ("POST", &rotation, json!({}), "TransactWriteItems"),
        ("GET", "/v1/projects", Value::Null, "Query"),
        ("POST", "/v1/projects", json!({"name": "A"}), "TransactWriteItems"),
        ("GET", &project, Value::Null, "GetItem"),
        ("PATCH", &project, json!({"name": "B"}), "TransactWriteItems"),
        ("DELETE", &project, Value::Null, "TransactWriteItems"),
        ("GET", "/v1/members", Value::Null, "Query"),
        ("POST", "/v1/members", new_member, "TransactWriteItems"),
        ("PATCH", &member, json!({"permissions": ["read", "write"]}), "TransactWriteItems"),
        ("DELETE", &member, Value::Null, "GetItem"),
        ("GET", "/v1/account", Value::Null, "GetItem"),
        ("PATCH", "/v1/account", json!({"name": "New"}), "TransactWriteItems"),
        ("GET", "/v1/audit-events", Value::Null, "Query"),
        ("GET", "/v1/auth/sessions", Value::Null, "Query"),
        ("POST", "/v1/auth/logout", Value::Null, "TransactWriteItems"),
        ("POST", "/v1/auth/password", password, "TransactWriteItems"),
    ] {
        let fault = Fault::Error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError");
        // The first batch is the one of the authorizer.
        let first = usize::from(operation == "BatchGetItem");
        dynamodb.inject_at(fault, Some(operation), first..usize::MAX);
        let request = service.request(method, path).with(&account.session);
        let request = if body.is_null() { request } else { request.json(&body) };
        let response = request.send().await;
        assert_eq!(response.status, 503, "{method} {path} {operation}: {}", response.text);
        assert_unavailable(&response);
        dynamodb.recover();
    }
    assert_eq!(service.me(&key).await.expect(200)["secret"], "current");
    assert_eq!(service.ids("/v1/api-keys", &account.session, 100).await.len(), 1);
    assert_eq!(service.get("/v1/account", &account.session).await.expect(200)["name"], "Study");
    assert_eq!(service.get(&project, &account.session).await.expect(200)["name"], "A project");
    assert_eq!(service.ids("/v1/members", &account.session, 100).await.len(), 2);
    service.login(&account.email).await;
}
