//! The table is down: 503 for whoever needs it, never a 401 or 403, and no word of why.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use serde_json::{Value, json};
use tracing_subscriber::filter::LevelFilter;

use crate::{
    deployment::logs::OwnLog,
    dynamodb::Trouble,
    response::Answer,
    service::{OwnService, PASSWORD, key_path},
};

const REFUSALS: [(StatusCode, &str); 5] = [
    (StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError"),
    (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable"),
    (StatusCode::BAD_REQUEST, "ProvisionedThroughputExceededException"),
    (StatusCode::BAD_REQUEST, "ResourceNotFoundException"),
    (StatusCode::BAD_REQUEST, "AccessDeniedException"),
];

#[track_caller]
fn assert_unavailable(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.text);
    assert_eq!(answer.text, r#"{"error": {"code": "UNAVAILABLE", "message": "The service is unavailable"}}"#);
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.header("www-authenticate"), None);
}

fn login(email: &str, password: &str) -> Value {
    json!({"email": email, "password": password})
}

#[tokio::test]
async fn of_whatever_kind_is_503_until_it_is_over() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let (key, _) = service.key(&account.session, json!({})).await;
    for (status, code) in REFUSALS {
        dynamodb.disturb(Trouble::Refuses(status, code), None);
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
async fn where_nobody_listens_is_503() {
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
async fn that_answers_nothing_is_503_before_the_gateway_loses_patience() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    dynamodb.disturb(Trouble::IsSilent, None);
    let login = service.request("POST", "/v1/auth/login").json(&login(&account.email, PASSWORD)).send();
    let began = Instant::now();
    let me = async { (service.me(&account.session).await, began.elapsed()) };
    let ((me, took), login) = tokio::join!(me, login);
    assert_unavailable(&me);
    // By itself: Lambda would end it after ten, which looks the same.
    assert!(took < Duration::from_secs(9), "{took:?}");
    assert_unavailable(&login);
}

#[tokio::test]
async fn of_part_of_a_batch_is_503_and_not_a_missing_key() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let (key, _) = service.key(&account.session, json!({})).await;
    dynamodb.disturb(Trouble::LeavesOut, None);
    for credential in [&key, &account.session] {
        assert_unavailable(&service.me(credential).await);
    }
}

#[tokio::test]
async fn that_cancels_a_transaction_is_503_and_the_log_says_why() {
    let log = OwnLog::start(LevelFilter::INFO);
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let (_, made) = service.key(&account.session, json!({})).await;
    dynamodb.disturb(Trouble::Cancels("ValidationError"), Some("TransactWriteItems"));
    log.records();
    assert_unavailable(&service.delete(&key_path(&made), &account.session).await);
    let records = log.records();
    let failed = records.iter().find(|record| record["Outcome"] == "failed").expect("a line");
    assert_eq!(failed["reason"], "DynamoDB failed: cancelled: ValidationError, None");
}

#[tokio::test]
async fn needs_no_table_for_what_is_no_credential() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    dynamodb.disturb(Trouble::Refuses(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError"), None);
    service.request("GET", "/v1/auth/me").send().await.assert_unauthorized();
    for value in ["Bearer mt_live_x", "Session sess_x", "Basic eDp4", "Bearer"] {
        let request = service.request("GET", "/v1/auth/me").header("Authorization", value);
        request.send().await.assert_unauthorized();
    }
    service.request("GET", "/v1/nothing").send().await.assert_not_found();
}

#[tokio::test]
async fn after_the_authorizer_is_503_and_nothing_changes() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let (key, made) = service.key(&account.session, json!({})).await;
    let project = format!("/v1/projects/{}", service.project(&account.session).await);
    let member = format!("/v1/members/{}", account.user_id);
    let (path, rotation) = (key_path(&made), format!("{}/rotate", key_path(&made)));
    let new_member = json!({"email": "new@example.com", "password": PASSWORD, "permissions": ["read"]});
    let password = json!({"current_password": PASSWORD, "new_password": "two lizards on the wall"});
    for (method, path, body, operation) in [
        ("POST", "/v1/api-keys", json!({"name": "A", "permissions": ["read"]}), "TransactWriteItems"),
        ("GET", "/v1/api-keys", Value::Null, "Query"),
        ("GET", &path, Value::Null, "GetItem"),
        ("DELETE", &path, Value::Null, "GetItem"),
        ("DELETE", &path, Value::Null, "TransactWriteItems"),
        ("POST", &rotation, json!({}), "GetItem"),
        ("POST", &rotation, json!({}), "TransactWriteItems"),
        ("GET", "/v1/projects", Value::Null, "Query"),
        ("POST", "/v1/projects", json!({"name": "A"}), "PutItem"),
        ("GET", &project, Value::Null, "GetItem"),
        ("PATCH", &project, json!({"name": "B"}), "UpdateItem"),
        ("DELETE", &project, Value::Null, "DeleteItem"),
        ("GET", "/v1/members", Value::Null, "Query"),
        ("POST", "/v1/members", new_member, "TransactWriteItems"),
        ("PATCH", &member, json!({"permissions": ["admin"]}), "TransactWriteItems"),
        ("DELETE", &member, Value::Null, "GetItem"),
        ("GET", "/v1/audit-events", Value::Null, "Query"),
        ("GET", "/v1/auth/sessions", Value::Null, "Query"),
        ("POST", "/v1/auth/logout", Value::Null, "DeleteItem"),
        ("POST", "/v1/auth/password", password, "TransactWriteItems"),
    ] {
        let refused = Trouble::Refuses(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError");
        dynamodb.disturb(refused, Some(operation));
        let request = service.request(method, path).with(&account.session);
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = request.send().await;
        assert_eq!(answer.status, 503, "{method} {path} {operation}: {}", answer.text);
        assert_unavailable(&answer);
        dynamodb.recover();
    }
    assert_eq!(service.me(&key).await.expect(200)["secret"], "current");
    assert_eq!(service.ids("/v1/api-keys", &account.session, 100).await.len(), 1);
    assert_eq!(service.get(&project, &account.session).await.expect(200)["name"], "A project");
    assert_eq!(service.ids("/v1/members", &account.session, 100).await, [account.user_id]);
    service.login(&account.email).await;
}
