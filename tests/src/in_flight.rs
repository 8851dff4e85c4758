//! Requests that were let in, and whose sender is let in no more when they come to write.

use serde_json::{Value, json};

use crate::{
    answer::{Answer, text},
    dynamodb::{DynamoDb, Held},
    service::{Account, OwnService, PASSWORD, key_path, new_address},
};

async fn started() -> (OwnService, DynamoDb, Account) {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    (service, dynamodb, account)
}

/// Sends `request`, and when its function comes to `operation`, lets `change` be done first.
async fn overtaken(
    dynamodb: &DynamoDb,
    operation: &'static str,
    request: impl Future<Output = Answer>,
    change: impl Future<Output = Answer>,
) -> Answer {
    overtaken_at(dynamodb.hold(operation), request, change).await
}

/// The same, when its function comes to the call that is held up.
async fn overtaken_at(
    mut held: Held,
    request: impl Future<Output = Answer>,
    change: impl Future<Output = Answer>,
) -> Answer {
    let change = async move {
        held.arrived().await;
        let status = change.await.status;
        assert!(status < 300, "the change is done, not refused with {status}");
    };
    tokio::join!(request, change).0
}

fn new_key() -> Value {
    json!({"name": "New", "permissions": ["read"]})
}

#[tokio::test]
async fn a_new_key_of_a_key_that_is_revoked_meanwhile_is_409() {
    let (service, dynamodb, account) = started().await;
    let (maker, made) = service.key(&account.session, json!({"permissions": ["read", "admin"]})).await;
    let create = service.post("/v1/api-keys", &maker, new_key());
    let path = key_path(&made);
    let revoke = service.delete(&path, &account.session);
    overtaken(&dynamodb, "TransactWriteItems", create, revoke).await.assert_error(409, "CONFLICT");
    assert_eq!(service.ids("/v1/api-keys", &account.session, 100).await, [""; 0]);
}

#[tokio::test]
async fn a_rotation_by_a_key_that_is_revoked_meanwhile_is_409() {
    let (service, dynamodb, account) = started().await;
    let (caller, made) = service.key(&account.session, json!({"permissions": ["read", "admin"]})).await;
    let (other, record) = service.key(&account.session, json!({"permissions": ["read"]})).await;
    let (rotation, path) = (format!("{}/rotate", key_path(&record)), key_path(&made));
    let rotate = service.post(&rotation, &caller, json!({}));
    let revoke = service.delete(&path, &account.session);
    overtaken(&dynamodb, "TransactWriteItems", rotate, revoke).await.assert_error(409, "CONFLICT");
    assert_eq!(service.me(&other).await.expect(200)["secret"], "current");
}

#[tokio::test]
async fn what_a_member_grants_who_is_demoted_meanwhile_is_409() {
    let (service, dynamodb, account) = started().await;
    let (session, id) = service.member(&account.session, &["read", "admin"]).await;
    let email = new_address();
    let member = json!({"email": email, "password": PASSWORD, "permissions": ["read", "admin"]});
    let path = format!("/v1/members/{id}");
    for (list, grant) in [("/v1/members", member), ("/v1/api-keys", new_key())] {
        let create = service.post(list, &session, grant);
        let demote = service.patch(&path, &account.session, json!({"permissions": ["read"]}));
        overtaken(&dynamodb, "TransactWriteItems", create, demote).await.assert_error(409, "CONFLICT");
        let promotion = json!({"permissions": ["read", "admin"]});
        service.patch(&path, &account.session, promotion).await.expect(200);
    }
    assert_eq!(service.ids("/v1/members", &account.session, 100).await.len(), 2);
    assert_eq!(service.ids("/v1/api-keys", &account.session, 100).await, [""; 0]);
}

#[tokio::test]
async fn an_admin_who_is_demoted_meanwhile_does_not_take_it_back() {
    let (service, dynamodb, account) = started().await;
    let (session, id) = service.member(&account.session, &["read", "admin"]).await;
    let path = format!("/v1/members/{id}");
    let promote = service.patch(&path, &session, json!({"permissions": ["read", "admin"]}));
    let demote = service.patch(&path, &account.session, json!({"permissions": ["read"]}));
    overtaken(&dynamodb, "GetItem", promote, demote).await.assert_error(409, "CONFLICT");
    assert_eq!(service.get(&path, &account.session).await.expect(200)["permissions"], json!(["read"]));
}

#[tokio::test]
async fn a_password_of_a_member_who_is_suspended_meanwhile_is_401_and_wakes_no_session() {
    let (service, dynamodb, account) = started().await;
    let (session, id) = service.member(&account.session, &["read"]).await;
    let path = format!("/v1/members/{id}");
    let body = json!({"current_password": PASSWORD, "new_password": "two lizards on the wall"});
    let change = service.post("/v1/auth/password", &session, body);
    let suspend = service.patch(&path, &account.session, json!({"status": "suspended"}));
    // The first is the authorizer's.
    let answer = overtaken_at(dynamodb.hold_second("BatchGetItem"), change, suspend).await;
    answer.assert_error(401, "UNAUTHORIZED");
    service.patch(&path, &account.session, json!({"status": "active"})).await.expect(200);
    service.me(&session).await.assert_unauthorized();
}

#[tokio::test]
async fn a_logout_of_a_session_that_is_ended_meanwhile_is_204() {
    let (service, dynamodb, account) = started().await;
    let ended = service.login(&account.email).await;
    let logout = service.request("POST", "/v1/auth/logout").with(&ended).send();
    let id = service.get("/v1/auth/sessions", &ended).await.expect(200)["data"][0]["id"].clone();
    let path = format!("/v1/auth/sessions/{}", id.as_str().expect("an id"));
    let end = service.delete(&path, &account.session);
    overtaken(&dynamodb, "DeleteItem", logout, end).await.expect(204);
    service.me(&ended).await.assert_unauthorized();
}

#[tokio::test]
async fn what_an_admin_does_to_another_who_is_demoted_meanwhile_is_409() {
    let (service, dynamodb, account) = started().await;
    let (session, id) = service.member(&account.session, &["read", "admin"]).await;
    let (_, other) = service.member(&account.session, &["read"]).await;
    let (path, other) = (format!("/v1/members/{id}"), format!("/v1/members/{other}"));
    let before = service.get(&other, &account.session).await.expect(200);
    for change in [Some(json!({"permissions": ["admin"]})), Some(json!({"status": "suspended"})), None] {
        let request =
            service.request(if change.is_some() { "PATCH" } else { "DELETE" }, &other).with(&session);
        let request = if let Some(change) = &change { request.json(change) } else { request };
        let demote = service.patch(&path, &account.session, json!({"permissions": ["read"]}));
        let answer = overtaken(&dynamodb, "TransactWriteItems", request.send(), demote).await;
        answer.assert_error(409, "CONFLICT");
        let promotion = json!({"permissions": ["read", "admin"]});
        service.patch(&path, &account.session, promotion).await.expect(200);
    }
    assert_eq!(service.get(&other, &account.session).await.expect(200), before);
}

#[tokio::test]
async fn what_a_session_asks_for_that_is_ended_meanwhile_is_409() {
    let (service, dynamodb, account) = started().await;
    let (secret, record) = service.key(&account.session, json!({})).await;
    let (_, other) = service.member(&account.session, &["read"]).await;
    let (rotation, other) = (format!("{}/rotate", key_path(&record)), format!("/v1/members/{other}"));
    let own = format!("/v1/members/{}", account.user_id);
    let member = json!({"email": new_address(), "password": PASSWORD, "permissions": ["read"]});
    let before = service.get("/v1/members", &account.session).await.expect(200);
    for (method, path, body) in [
        ("POST", "/v1/api-keys", new_key()),
        ("POST", &rotation, json!({})),
        ("POST", "/v1/members", member),
        ("PATCH", &other, json!({"permissions": ["read", "write"]})),
        ("PATCH", &own, json!({"permissions": ["read", "admin"]})),
        ("DELETE", &other, json!({})),
    ] {
        let ended = service.login(&account.email).await;
        let sessions = service.get("/v1/auth/sessions", &ended).await.expect(200);
        let id = format!("/v1/auth/sessions/{}", text(&sessions["data"][0], "id"));
        let request = service.request(method, path).with(&ended).json(&body).send();
        let end = service.delete(&id, &account.session);
        overtaken(&dynamodb, "TransactWriteItems", request, end).await.assert_error(409, "CONFLICT");
    }
    assert_eq!(service.ids("/v1/api-keys", &account.session, 100).await, [text(&record, "id")]);
    assert_eq!(service.me(&secret).await.expect(200)["secret"], "current");
    assert_eq!(service.get("/v1/members", &account.session).await.expect(200), before);
}

#[tokio::test]
async fn what_a_member_grants_whose_sessions_are_ended_meanwhile_is_409() {
    let (service, dynamodb, account) = started().await;
    let (session, id) = service.member(&account.session, &["read"]).await;
    let path = format!("/v1/members/{id}");
    let create = service.post("/v1/api-keys", &session, new_key());
    let end = async {
        service.patch(&path, &account.session, json!({"status": "suspended"})).await.expect(200);
        service.patch(&path, &account.session, json!({"status": "active"})).await
    };
    overtaken(&dynamodb, "TransactWriteItems", create, end).await.assert_error(409, "CONFLICT");
    assert_eq!(service.ids("/v1/api-keys", &account.session, 100).await, [""; 0]);
}

#[tokio::test]
async fn a_rotation_with_a_secret_that_is_ended_meanwhile_is_409() {
    let (service, dynamodb, account) = started().await;
    for operation in ["GetItem", "TransactWriteItems"] {
        let (secret, record) = service.key(&account.session, json!({})).await;
        let path = format!("{}/rotate", key_path(&record));
        let by_itself = service.post(&path, &secret, json!({}));
        let by_owner = service.post(&path, &account.session, json!({"grace_period": 0}));
        overtaken(&dynamodb, operation, by_itself, by_owner).await.assert_error(409, "CONFLICT");
        service.me(&secret).await.assert_unauthorized();
    }
}

#[tokio::test]
async fn a_new_key_of_a_secret_that_is_ended_meanwhile_is_409() {
    let (service, dynamodb, account) = started().await;
    let (secret, record) = service.key(&account.session, json!({})).await;
    let path = format!("{}/rotate", key_path(&record));
    // The first rotation leaves an overlap, in which the old secret may make keys still.
    service.post(&path, &account.session, json!({"grace_period": 60})).await.expect(200);
    let create = service.post("/v1/api-keys", &secret, new_key());
    let other = service.get("/v1/auth/me", &account.session);
    overtaken(&dynamodb, "TransactWriteItems", create, other).await.expect(201);
    let create = service.post("/v1/api-keys", &secret, new_key());
    let rotate = service.post(&path, &account.session, json!({"grace_period": 0}));
    overtaken(&dynamodb, "TransactWriteItems", create, rotate).await.assert_error(409, "CONFLICT");
    assert_eq!(service.ids("/v1/api-keys", &account.session, 100).await.len(), 2);
}
