//! Requests that were let in, and whose sender is let in no more when they come to write.

use serde_json::{Value, json};

use crate::{
    dynamodb::{DynamoDb, Held},
    response::{Answer, text},
    service::{Account, OwnService, PASSWORD, key_path, new_address},
};

async fn started() -> (OwnService, DynamoDb, Account) {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    (service, dynamodb, account)
}

/// Sends `request`, and when it comes to `operation`, lets `change` be done first.
fn conflict(
    dynamodb: &DynamoDb,
    operation: &'static str,
    request: impl Future<Output = Answer>,
    change: impl Future<Output = Answer>,
) -> impl Future<Output = Answer> {
    // On the heap, because both together are large.
    overtaken_at(dynamodb.hold(operation), Box::pin(request), Box::pin(done(change)))
}

/// The same, when it comes to the call that is held up.
async fn overtaken_at(
    mut held: Held,
    request: impl Future<Output = Answer>,
    change: impl Future<Output = ()>,
) -> Answer {
    let change = async move {
        held.arrived().await;
        change.await;
    };
    tokio::join!(request, change).0
}

/// The change that a request asks for, which is done and not refused.
async fn done(change: impl Future<Output = Answer>) {
    let status = change.await.status;
    assert!(status < 300, "the change is done, not refused with {status}");
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
    conflict(&dynamodb, "TransactWriteItems", create, revoke).await.assert_error(409, "CONFLICT");
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
    conflict(&dynamodb, "TransactWriteItems", rotate, revoke).await.assert_error(409, "CONFLICT");
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
        conflict(&dynamodb, "TransactWriteItems", create, demote).await.assert_error(409, "CONFLICT");
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
    conflict(&dynamodb, "GetItem", promote, demote).await.assert_error(409, "CONFLICT");
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
    let answer = overtaken_at(dynamodb.hold_second("BatchGetItem"), change, done(suspend)).await;
    answer.assert_error(401, "UNAUTHORIZED");
    service.patch(&path, &account.session, json!({"status": "active"})).await.expect(200);
    service.me(&session).await.assert_unauthorized();
}

#[tokio::test]
async fn a_common_password_of_a_member_who_is_removed_meanwhile_is_401() {
    let (service, dynamodb, account) = started().await;
    let (session, id) = service.member(&account.session, &["read"]).await;
    let body = json!({"current_password": PASSWORD, "new_password": "passwordpassword"});
    let change = service.post("/v1/auth/password", &session, body);
    let path = format!("/v1/members/{id}");
    let remove = service.delete(&path, &account.session);
    // The first claims the attempt, the second forgives it.
    let answer = overtaken_at(dynamodb.hold_second("TransactWriteItems"), change, done(remove)).await;
    answer.assert_error(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn a_logout_of_a_session_that_is_ended_meanwhile_is_204() {
    let (service, dynamodb, account) = started().await;
    let ended = service.login(&account.email).await;
    let logout = service.request("POST", "/v1/auth/logout").with(&ended).send();
    let id = service.get("/v1/auth/sessions", &ended).await.expect(200)["data"][0]["id"].clone();
    let path = format!("/v1/auth/sessions/{}", id.as_str().expect("an id"));
    let end = service.delete(&path, &account.session);
    conflict(&dynamodb, "DeleteItem", logout, end).await.expect(204);
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
        let answer = conflict(&dynamodb, "TransactWriteItems", request.send(), demote).await;
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
        conflict(&dynamodb, "TransactWriteItems", request, end).await.assert_error(409, "CONFLICT");
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
    conflict(&dynamodb, "TransactWriteItems", create, end).await.assert_error(409, "CONFLICT");
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
        conflict(&dynamodb, operation, by_itself, by_owner).await.assert_error(409, "CONFLICT");
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
    conflict(&dynamodb, "TransactWriteItems", create, other).await.expect(201);
    let create = service.post("/v1/api-keys", &secret, new_key());
    let rotate = service.post(&path, &account.session, json!({"grace_period": 0}));
    conflict(&dynamodb, "TransactWriteItems", create, rotate).await.assert_error(409, "CONFLICT");
    assert_eq!(service.ids("/v1/api-keys", &account.session, 100).await.len(), 2);
}

#[tokio::test]
async fn what_is_asked_for_of_an_account_that_is_suspended_meanwhile_is_409() {
    let (service, dynamodb, account) = started().await;
    let (key, key_record) = service.key(&account.session, json!({})).await;
    let (secret, record) = service.key(&account.session, json!({})).await;
    let (_, reader) = service.member(&account.session, &["read"]).await;
    let (_, admin) = service.member(&account.session, &["read", "admin"]).await;
    let [own, rotation] = [&key_record, &record].map(|record| format!("{}/rotate", key_path(record)));
    let [reader, admin] = [reader, admin].map(|id| format!("/v1/members/{id}"));
    let member = |permissions: [&str; 2]| json!({"email": new_address(), "password": PASSWORD, "permissions": permissions});
    let keys = service.ids("/v1/api-keys", &account.session, 100).await;
    let before = service.get("/v1/members", &account.session).await.expect(200);
    for caller in [&account.session, &key] {
        // Whether or not it changes how many admins there are, which the account counts.
        for (method, path, body) in [
            ("POST", "/v1/api-keys", new_key()),
            ("POST", &rotation, json!({})),
            ("POST", &own, json!({})),
            ("POST", "/v1/members", member(["read", "write"])),
            ("POST", "/v1/members", member(["read", "admin"])),
            ("PATCH", &reader, json!({"permissions": ["read", "write"]})),
            ("PATCH", &reader, json!({"permissions": ["read", "admin"]})),
            ("PATCH", &admin, json!({"permissions": ["read"]})),
            ("DELETE", &reader, json!({})),
            ("DELETE", &admin, json!({})),
        ] {
            let request = service.request(method, path).with(caller).json(&body).send();
            let held = dynamodb.hold("TransactWriteItems");
            let answer = overtaken_at(held, request, service.suspend(&account)).await;
            answer.assert_error(409, "CONFLICT");
            assert_eq!(answer.body["error"]["message"], "Another change came first", "{method} {path}");
            service.restore(&account).await;
        }
    }
    for secret in [&key, &secret] {
        assert_eq!(service.me(secret).await.expect(200)["secret"], "current");
    }
    assert_eq!(service.ids("/v1/api-keys", &account.session, 100).await, keys);
    assert_eq!(service.get("/v1/members", &account.session).await.expect(200), before);
}

/// What whoever asks may be given by `caller`: a new key, the secret of the key at `rotation`, and a new member.
fn handed_out(rotation: &str) -> [(&str, Value); 3] {
    let member = json!({"email": new_address(), "password": PASSWORD, "permissions": ["read"]});
    [("/v1/api-keys", new_key()), (rotation, json!({})), ("/v1/members", member)]
}

#[tokio::test]
async fn what_a_key_asks_for_that_expires_meanwhile_is_409() {
    let (service, dynamodb, account) = started().await;
    let (secret, record) = service.key(&account.session, json!({})).await;
    let rotation = format!("{}/rotate", key_path(&record));
    for (path, body) in handed_out(&rotation) {
        let (key, _) =
            service.key(&account.session, json!({"expires_at": service.time.in_seconds(60)})).await;
        // The authorizer has decided when it comes to write down that the key is used.
        let held = dynamodb.hold("UpdateItem");
        let answer =
            overtaken_at(held, service.post(path, &key, body), async { service.time.pass(60) }).await;
        answer.assert_error(409, "CONFLICT");
        service.me(&key).await.assert_unauthorized();
    }
    assert_eq!(service.me(&secret).await.expect(200)["secret"], "current");
    assert_eq!(service.ids("/v1/api-keys", &account.session, 100).await.len(), 4);
    assert_eq!(service.ids("/v1/members", &account.session, 100).await.len(), 1);
}

#[tokio::test]
async fn what_a_key_asks_for_that_expires_while_a_kept_answer_is_looked_for_is_409() {
    let (service, dynamodb, account) = started().await;
    let (_, record) = service.key(&account.session, json!({})).await;
    let rotation = format!("{}/rotate", key_path(&record));
    for (path, held) in [
        ("/v1/api-keys", DynamoDb::hold as fn(&DynamoDb, &'static str) -> Held),
        // The first read is of the key.
        (&rotation, DynamoDb::hold_second),
    ] {
        let (key, _) =
            service.key(&account.session, json!({"expires_at": service.time.in_seconds(60)})).await;
        let body = if path == rotation { json!({}) } else { new_key() };
        let request = service.request("POST", path).with(&key).header("Idempotency-Key", "A").json(&body);
        let answer =
            overtaken_at(held(&dynamodb, "GetItem"), request.send(), async { service.time.pass(60) }).await;
        answer.assert_error(409, "CONFLICT");
    }
}

#[tokio::test]
async fn what_a_session_asks_for_that_grows_too_old_meanwhile_is_409() {
    let (service, dynamodb, account) = started().await;
    let (_, record) = service.key(&account.session, json!({})).await;
    let rotation = format!("{}/rotate", key_path(&record));
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(service.login(&account.email).await);
    }
    // They are used until shortly before their end.
    for _ in 0..23 {
        service.time.pass(1_800);
        for session in &sessions {
            service.me(session).await.expect(200);
        }
    }
    service.time.pass(1_700);
    for (session, (path, body)) in sessions.iter().zip(handed_out(&rotation)) {
        let held = dynamodb.hold("UpdateItem");
        let request = service.post(path, session, body);
        let answer = overtaken_at(held, request, async { service.time.pass(100) }).await;
        answer.assert_error(409, "CONFLICT");
        service.me(session).await.assert_unauthorized();
        service.time.pass(-100);
    }
}

#[tokio::test]
async fn what_a_secret_asks_for_whose_overlap_ends_meanwhile_is_409() {
    let (service, dynamodb, account) = started().await;
    let (other, other_record) = service.key(&account.session, json!({})).await;
    let rotation = format!("{}/rotate", key_path(&other_record));
    for (path, body) in handed_out(&rotation) {
        let (secret, record) = service.key(&account.session, json!({})).await;
        service.time.begin_second();
        let (rotated, _) = service.rotate(&record, &account.session, 1).await;
        let held = dynamodb.hold("UpdateItem");
        let answer =
            overtaken_at(held, service.post(path, &secret, body), async { service.time.pass(1) }).await;
        answer.assert_error(409, "CONFLICT");
        service.me(&secret).await.assert_unauthorized();
        service.me(&rotated).await.expect(200);
    }
    assert_eq!(service.me(&other).await.expect(200)["secret"], "current");
    assert_eq!(service.ids("/v1/api-keys", &account.session, 100).await.len(), 4);
    assert_eq!(service.ids("/v1/members", &account.session, 100).await.len(), 1);
}
