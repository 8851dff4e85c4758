//! Idempotent requests: the header `Idempotency-Key`.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    dynamodb::Fault,
    response::{Response, text, without},
    service::{Credential, OwnService, Service, key_path},
};

const KEY: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";
const DAY: i64 = 24 * 60 * 60;

async fn post(service: &Service, path: &str, credential: &Credential, key: &str, body: &Value) -> Response {
    let request = service.request("POST", path).with(credential).header("Idempotency-Key", key);
    request.json(body).send().await
}

fn new_key() -> Value {
    json!({"name": "A key", "permissions": ["read"]})
}

#[track_caller]
fn assert_replayed(response: Response, status: u16, record: &Value) {
    assert_eq!(response.header("idempotency-replayed"), Some("true"));
    assert_eq!(response.expect(status), *record);
}

/// The number of audit events of a type.
async fn count_events(service: &Service, credential: &Credential, event_type: &str) -> usize {
    let events = service.get("/v1/audit-events?limit=100", credential).await.expect(200);
    events["data"].as_array().expect("a list").iter().filter(|event| event["type"] == event_type).count()
}

#[tokio::test]
async fn repeated_key_creation_returns_the_same_key_without_its_secret() {
    let service = Service::start().await;
    let admin = service.account().await.session;
    let first = post(&service, "/v1/api-keys", &admin, KEY, &new_key()).await;
    assert_eq!(first.header("idempotency-replayed"), None);
    let first = first.expect(201);
    for _ in 0..2 {
        let repeated = post(&service, "/v1/api-keys", &admin, KEY, &new_key()).await;
        assert_replayed(repeated, 201, &without(&first, "key"));
    }
    assert_eq!(service.ids("/v1/api-keys", &admin, 50).await, [text(&first, "id")]);
    assert_eq!(count_events(&service, &admin, "api_key.created").await, 1);
    service.me(&Credential::bearer(text(&first, "key"))).await.expect(200);
}

#[tokio::test]
async fn repeated_rotation_rotates_once() {
    let service = Service::start().await;
    let admin = service.account().await.session;
    let (old, record) = service.key(&admin, json!({})).await;
    let path = format!("{}/rotate", key_path(&record));
    let first = post(&service, &path, &old, KEY, &json!({})).await.expect(200);
    let new = Credential::bearer(text(&first, "key"));
    // Both secrets are credentials of the same caller.
    for secret in [&old, &new] {
        let repeated = post(&service, &path, secret, KEY, &json!({})).await;
        assert_replayed(repeated, 200, &without(&first, "key"));
    }
    service.me(&old).await.expect(200);
    service.me(&new).await.expect(200);
    assert_eq!(count_events(&service, &admin, "api_key.rotated").await, 1);
}

#[tokio::test]
async fn repeated_project_creation_returns_the_same_project() {
    let service = Service::start().await;
    let admin = service.account().await.session;
    let body = json!({"name": "A project"});
    let first = post(&service, "/v1/projects", &admin, KEY, &body).await.expect(201);
    assert_replayed(post(&service, "/v1/projects", &admin, KEY, &body).await, 201, &first);
    assert_eq!(service.ids("/v1/projects", &admin, 50).await, [text(&first, "id")]);
    // The response stays the same after the project was deleted.
    service.delete(&format!("/v1/projects/{}", text(&first, "id")), &admin).await.expect(204);
    assert_replayed(post(&service, "/v1/projects", &admin, KEY, &body).await, 201, &first);
    let test = "/v1/projects?environment=test";
    post(&service, test, &admin, KEY, &body).await.assert_error(422, "UNPROCESSABLE_CONTENT");
}

#[tokio::test]
async fn different_request_with_the_same_key_returns_422_and_changes_nothing() {
    let service = Service::start().await;
    let admin = service.account().await.session;
    let created = post(&service, "/v1/api-keys", &admin, KEY, &new_key()).await.expect(201);
    let other = json!({"name": "Another key", "permissions": ["read"]});
    let rotate = format!("{}/rotate", key_path(&created));
    let requests =
        [("/v1/api-keys", other), (rotate.as_str(), json!({})), ("/v1/projects", json!({"name": "A"}))];
    for (path, body) in requests {
        let response = post(&service, path, &admin, KEY, &body).await;
        response.assert_error(422, "UNPROCESSABLE_CONTENT");
        assert_eq!(response.body["error"]["message"], "The Idempotency-Key was used for a different request");
    }
    assert_eq!(service.ids("/v1/api-keys", &admin, 50).await.len(), 1);
    assert!(service.ids("/v1/projects", &admin, 50).await.is_empty());
    service.me(&Credential::bearer(text(&created, "key"))).await.expect(200);
}

#[tokio::test]
async fn each_caller_has_its_own_idempotency_keys() {
    let service = Service::start().await;
    let admin = service.account().await.session;
    let (member, _) = service.member(&admin, &["read", "write", "admin"]).await;
    let (key, _) = service.key(&admin, json!({})).await;
    let stranger = service.account().await.session;
    let mut ids = Vec::new();
    for caller in [&admin, &member, &key, &stranger] {
        let created = post(&service, "/v1/api-keys", caller, KEY, &new_key()).await;
        ids.push(text(&created.expect(201), "id").to_owned());
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

#[tokio::test]
async fn repeat_after_losing_the_permission_returns_403() {
    let service = Service::start().await;
    let admin = service.account().await.session;
    let (member, id) = service.member(&admin, &["read", "write"]).await;
    let (_, record) = service.key(&member, json!({"permissions": ["write"]})).await;
    let rotate = format!("{}/rotate", key_path(&record));
    let requests = [
        ("/v1/api-keys", json!({"name": "A key", "permissions": ["write"]})),
        (rotate.as_str(), json!({})),
        ("/v1/projects", json!({"name": "A project"})),
    ];
    for (path, body) in &requests {
        let response = post(&service, path, &member, &format!("{KEY}{path}"), body).await;
        assert!(response.status < 300, "{path}: {}", response.text);
    }
    service.patch(&format!("/v1/members/{id}"), &admin, json!({"permissions": ["read"]})).await.expect(200);
    for (path, body) in &requests {
        post(&service, path, &member, &format!("{KEY}{path}"), body).await.assert_forbidden();
    }
}

#[tokio::test]
async fn rejected_request_can_be_retried_with_the_same_key() {
    let service = Service::start().await;
    let admin = service.account().await.session;
    let invalid = json!({"name": "", "permissions": ["read"]});
    post(&service, "/v1/api-keys", &admin, KEY, &invalid).await.assert_bad_field("name");
    post(&service, "/v1/api-keys", &admin, KEY, &new_key()).await.expect(201);
}

#[tokio::test]
async fn key_can_be_reused_after_a_day() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let body = json!({"name": "A key", "permissions": ["read"], "expires_at": service.time.in_seconds(60)});
    let first = post(&service, "/v1/api-keys", &account.session, KEY, &body).await.expect(201);
    // By now, a new request with this `expires_at` would be rejected.
    service.time.pass(DAY - 60);
    let admin = service.login(&account.email).await;
    let repeated = post(&service, "/v1/api-keys", &admin, KEY, &body).await;
    assert_replayed(repeated, 201, &without(&first, "key"));
    service.time.pass(60);
    post(&service, "/v1/api-keys", &admin, KEY, &body).await.assert_bad_field("expires_at");
    let second = post(&service, "/v1/api-keys", &admin, KEY, &new_key()).await.expect(201);
    let repeated = post(&service, "/v1/api-keys", &admin, KEY, &new_key()).await;
    assert_replayed(repeated, 201, &without(&second, "key"));
}

#[tokio::test]
async fn malformed_or_duplicate_key_returns_400() {
    let service = Service::start().await;
    let admin = service.account().await.session;
    for key in ["", " ", "two words", &"k".repeat(256)] {
        let response = post(&service, "/v1/projects", &admin, key, &json!({"name": "A"})).await;
        response.assert_bad_field("Idempotency-Key");
    }
    let duplicate = service.request("POST", "/v1/projects").with(&admin).header("Idempotency-Key", "one");
    let duplicate = duplicate.header("Idempotency-Key", "two").json(&json!({"name": "A"}));
    duplicate.send().await.assert_bad_field("Idempotency-Key");
    assert!(service.ids("/v1/projects", &admin, 50).await.is_empty());
    post(&service, "/v1/projects", &admin, &"k".repeat(255), &json!({"name": "A"})).await.expect(201);
}

#[tokio::test]
async fn concurrent_requests_create_one_key_and_the_others_return_409_or_that_key() {
    let service = Service::start().await;
    let admin = service.account().await.session;
    let mut requests = JoinSet::new();
    for _ in 0..16 {
        let request = service.request("POST", "/v1/api-keys").with(&admin).header("Idempotency-Key", KEY);
        requests.spawn(request.json(&new_key()).send());
    }
    let responses = requests.join_all().await;
    let (created, others): (Vec<_>, Vec<_>) =
        responses.into_iter().partition(|response| response.body.get("key").is_some());
    let [created] = <[Response; 1]>::try_from(created)
        .unwrap_or_else(|created| panic!("{} keys were created", created.len()));
    let created = created.expect(201);
    for other in others {
        match other.status {
            409 => other.assert_error(409, "CONFLICT"),
            _ => assert_replayed(other, 201, &without(&created, "key")),
        }
    }
    assert_eq!(service.ids("/v1/api-keys", &admin, 50).await, [text(&created, "id")]);
}

#[tokio::test]
async fn repeat_after_a_lost_response_returns_the_result() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let admin = service.account().await.session;
    dynamodb.inject(Fault::LoseResponse, Some("TransactWriteItems"));
    post(&service, "/v1/api-keys", &admin, KEY, &new_key()).await.assert_error(503, "UNAVAILABLE");
    dynamodb.recover();
    let created = service.get("/v1/api-keys", &admin).await.expect(200);
    let [created] = created["data"].as_array().expect("a list").as_slice() else {
        panic!("one key: {created}")
    };
    assert_replayed(post(&service, "/v1/api-keys", &admin, KEY, &new_key()).await, 201, created);
}
