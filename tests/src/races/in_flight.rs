//! Requests whose caller loses access, or whose account is suspended, after the authorizer's decision and before the write.

use serde_json::{Value, json};

use crate::{
    authorization::restrictions::{lift, restrict},
    dynamodb::{DynamoDb, Held},
    response::{Response, text},
    service::{Account, OwnService, PASSWORD, key_path, new_address},
};

/// Holds a call of an operation.
pub(super) type HoldCall = fn(&DynamoDb, &'static str) -> Held;

/// Two moments of a request that loads a key and its account, and changes the key: before the function reads them, and before it
/// writes.
const BEFORE_THE_READ_AND_BEFORE_THE_WRITE: [(HoldCall, &str); 2] =
    // The first batch is the one of the authorizer.
    [(DynamoDb::hold_second_call, "BatchGetItem"), (DynamoDb::hold, "TransactWriteItems")];

pub(super) async fn start() -> (OwnService, DynamoDb, Account) {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    (service, dynamodb, account)
}

/// Sends a request, and makes a change before the request's first call of `operation`.
fn change_during(
    dynamodb: &DynamoDb,
    operation: &'static str,
    request: impl Future<Output = Response>,
    change: impl Future<Output = Response>,
) -> impl Future<Output = Response> {
    // The futures are boxed because together they are large.
    change_while_held(dynamodb.hold(operation), Box::pin(request), Box::pin(assert_successful(change)))
}

/// Sends a request, and makes a change before the request's held call.
pub(super) async fn change_while_held<R>(
    mut held: Held,
    request: impl Future<Output = R>,
    change: impl Future<Output = ()>,
) -> R {
    let change = async move {
        held.arrived().await;
        change.await;
    };
    tokio::join!(request, change).0
}

/// Makes a change with a request, and asserts that it succeeds.
async fn assert_successful(change: impl Future<Output = Response>) {
    let status = change.await.status;
    assert!(status < 300, "the change got {status}");
}

/// Invites a member. Returns the response, and the path that invites the member again.
async fn invited_member(service: &OwnService, account: &Account) -> (Value, String) {
    let invited = service.invite(&account.session, &new_address(), &["read"]).await;
    let path = format!("/v1/members/{}/invite", text(&invited, "id"));
    (invited, path)
}

fn new_key() -> Value {
    json!({"name": "New", "permissions": ["read"]})
}

#[tokio::test]
async fn key_revoked_during_the_request_creates_nothing() {
    let (service, dynamodb, account) = start().await;
    let (creator, record) = service.key(&account.session, json!({"permissions": ["read", "admin"]})).await;
    let create = service.post("/v1/api-keys", &creator, new_key());
    let path = key_path(&record);
    let revoke = service.delete(&path, &account.session);
    change_during(&dynamodb, "TransactWriteItems", create, revoke).await.assert_error(409, "CONFLICT");
    assert_eq!(service.ids("/v1/api-keys", &account.session, 100).await, [""; 0]);
}

#[tokio::test]
async fn key_restricted_by_a_newer_version_during_the_request_creates_and_rotates_nothing() {
    let (service, dynamodb, account) = start().await;
    let (creator, record) = service.key(&account.session, json!({})).await;
    let (pk, sk) = (format!("ACCOUNT#{}", account.id), format!("KEY#{}", text(&record, "id")));
    let rotation = format!("{}/rotate", key_path(&record));
    for (path, body) in [("/v1/api-keys", new_key()), (&rotation, json!({}))] {
        let change = service.post(path, &creator, body);
        let restricted = restrict(&service, &pk, &sk, &["new"]);
        let held = dynamodb.hold("TransactWriteItems");
        change_while_held(held, Box::pin(change), Box::pin(restricted)).await.assert_error(409, "CONFLICT");
        lift(&service, &pk, &sk, &["new"]).await;
    }
    assert_eq!(service.ids("/v1/api-keys", &account.session, 100).await, [text(&record, "id")]);
    assert_eq!(service.me(&creator).await.expect(200)["secret"], "current");
}

#[tokio::test]
async fn session_member_or_account_restricted_by_a_newer_version_during_the_request_creates_nothing() {
    let (service, dynamodb, account) = start().await;
    let sessions = service.ids("/v1/auth/sessions", &account.session, 100).await;
    let pk = format!("ACCOUNT#{}", account.id);
    let items = [
        (format!("{pk}#USER#{}", account.user_id), format!("SESSION#{}", sessions[0])),
        (pk.clone(), format!("MEMBER#{}", account.user_id)),
        (pk, "ACCOUNT".to_owned()),
    ];
    for (pk, sk) in items {
        let create = service.post("/v1/api-keys", &account.session, new_key());
        let restricted = restrict(&service, &pk, &sk, &["new"]);
        let held = dynamodb.hold("TransactWriteItems");
        change_while_held(held, Box::pin(create), Box::pin(restricted)).await.assert_error(409, "CONFLICT");
        lift(&service, &pk, &sk, &["new"]).await;
    }
    assert_eq!(service.ids("/v1/api-keys", &account.session, 100).await, [""; 0]);
}

#[tokio::test]
async fn key_changed_during_the_request_changes_nothing() {
    let (service, dynamodb, account) = start().await;
    let (other, record) = service.key(&account.session, json!({"name": "Other"})).await;
    let other_path = key_path(&record);
    let rotation = format!("{other_path}/rotate");
    let member = json!({"email": new_address(), "permissions": ["read"]});
    let (invited, invitation) = invited_member(&service, &account).await;
    let mut callers = Vec::new();
    for change in [
        json!({"name": "Renamed"}),
        json!({"permissions": ["read", "admin"]}),
        json!({"permissions": ["read"]}),
        json!({"scope": {"projects": ["proj_a"]}}),
        json!({"allowed_ips": ["192.0.2.0/24"]}),
        json!({"expires_at": service.time.in_seconds(3_600)}),
        json!({"disabled": true}),
    ] {
        for (method, path, body) in [
            ("POST", "/v1/api-keys", new_key()),
            ("POST", &rotation, json!({})),
            ("PATCH", &other_path, json!({"name": "New"})),
            ("POST", "/v1/members", member.clone()),
            ("POST", &invitation, json!({})),
        ] {
            let (key, caller) = service.key(&account.session, json!({})).await;
            let request = service.request(method, path).with(&key).json(&body).send();
            let caller_path = key_path(&caller);
            let changed = service.patch(&caller_path, &account.session, change.clone());
            let response = change_during(&dynamodb, "TransactWriteItems", request, changed).await;
            assert_eq!(response.status, 409, "{method} {path}, {change}: {}", response.text);
            response.assert_error(409, "CONFLICT");
            callers.push(text(&caller, "id").to_owned());
        }
    }
    let mut keys = service.ids("/v1/api-keys", &account.session, 100).await;
    keys.retain(|key| !callers.contains(key));
    assert_eq!(keys, [text(&record, "id")]);
    assert_eq!(service.ids("/v1/members", &account.session, 100).await.len(), 2);
    service.accept(&invited).await;
    let me = service.me(&other).await.expect(200);
    assert_eq!((&me["name"], &me["secret"]), (&json!("Other"), &json!("current")));
}

#[tokio::test]
async fn key_changed_during_its_rotation_by_itself_is_not_rotated() {
    let (service, dynamodb, account) = start().await;
    for change in [json!({"allowed_ips": ["192.0.2.0/24"]}), json!({"disabled": true})] {
        for (hold, operation) in BEFORE_THE_READ_AND_BEFORE_THE_WRITE {
            let (key, record) = service.key(&account.session, json!({})).await;
            let path = key_path(&record);
            let rotation = format!("{path}/rotate");
            let rotate = service.post(&rotation, &key, json!({}));
            let changed = service.patch(&path, &account.session, change.clone());
            let held = hold(&dynamodb, operation);
            let response =
                change_while_held(held, Box::pin(rotate), Box::pin(assert_successful(changed))).await;
            response.assert_error(409, "CONFLICT");
            let reversal = json!({"allowed_ips": null, "disabled": false});
            service.patch(&path, &account.session, reversal).await.expect(200);
            assert_eq!(service.me(&key).await.expect(200)["secret"], "current");
        }
    }
}

#[tokio::test]
async fn member_demoted_during_the_request_changes_no_key() {
    let (service, dynamodb, account) = start().await;
    let (session, id) = service.member(&account.session, &["read", "write"]).await;
    let (key, record) = service.key(&session, json!({"permissions": ["read"]})).await;
    let (path, key_path) = (format!("/v1/members/{id}"), key_path(&record));
    for (hold, operation) in BEFORE_THE_READ_AND_BEFORE_THE_WRITE {
        let widen = service.patch(&key_path, &session, json!({"permissions": ["read", "write"]}));
        let demote = service.patch(&path, &account.session, json!({"permissions": ["read"]}));
        let response = change_while_held(
            hold(&dynamodb, operation),
            Box::pin(widen),
            Box::pin(assert_successful(demote)),
        );
        let response = response.await;
        response.assert_error(409, "CONFLICT");
        let promotion = json!({"permissions": ["read", "write"]});
        service.patch(&path, &account.session, promotion).await.expect(200);
    }
    assert_eq!(service.me(&key).await.expect(200)["permissions"], json!(["read"]));
}

#[tokio::test]
async fn key_revoked_during_the_request_rotates_nothing() {
    let (service, dynamodb, account) = start().await;
    let (caller, caller_record) =
        service.key(&account.session, json!({"permissions": ["read", "admin"]})).await;
    let (other, record) = service.key(&account.session, json!({"permissions": ["read"]})).await;
    let (rotation, path) = (format!("{}/rotate", key_path(&record)), key_path(&caller_record));
    let rotate = service.post(&rotation, &caller, json!({}));
    let revoke = service.delete(&path, &account.session);
    change_during(&dynamodb, "TransactWriteItems", rotate, revoke).await.assert_error(409, "CONFLICT");
    assert_eq!(service.me(&other).await.expect(200)["secret"], "current");
}

#[tokio::test]
async fn member_demoted_during_the_request_grants_nothing() {
    let (service, dynamodb, account) = start().await;
    let (session, id) = service.member(&account.session, &["read", "admin"]).await;
    let email = new_address();
    let member = json!({"email": email, "permissions": ["read", "admin"]});
    let (invited, invitation) = invited_member(&service, &account).await;
    let path = format!("/v1/members/{id}");
    for (list, grant) in [("/v1/members", member), (&*invitation, json!({})), ("/v1/api-keys", new_key())] {
        let create = service.post(list, &session, grant);
        let demote = service.patch(&path, &account.session, json!({"permissions": ["read"]}));
        change_during(&dynamodb, "TransactWriteItems", create, demote).await.assert_error(409, "CONFLICT");
        let promotion = json!({"permissions": ["read", "admin"]});
        service.patch(&path, &account.session, promotion).await.expect(200);
    }
    assert_eq!(service.ids("/v1/members", &account.session, 100).await.len(), 3);
    service.accept(&invited).await;
    assert_eq!(service.ids("/v1/api-keys", &account.session, 100).await, [""; 0]);
}

#[tokio::test]
async fn admin_demoted_during_the_request_cannot_undo_the_demotion() {
    let (service, dynamodb, account) = start().await;
    let (session, id) = service.member(&account.session, &["read", "admin"]).await;
    let path = format!("/v1/members/{id}");
    let promote = service.patch(&path, &session, json!({"permissions": ["read", "admin"]}));
    let demote = service.patch(&path, &account.session, json!({"permissions": ["read"]}));
    change_during(&dynamodb, "GetItem", promote, demote).await.assert_error(409, "CONFLICT");
    assert_eq!(service.get(&path, &account.session).await.expect(200)["permissions"], json!(["read"]));
}

#[tokio::test]
async fn member_suspended_during_a_password_change_returns_401_and_restores_no_session() {
    let (service, dynamodb, account) = start().await;
    let (session, id) = service.member(&account.session, &["read"]).await;
    let path = format!("/v1/members/{id}");
    let body = json!({"current_password": PASSWORD, "new_password": "two lizards on the wall"});
    let change = service.post("/v1/auth/password", &session, body);
    let suspend = service.patch(&path, &account.session, json!({"status": "suspended"}));
    // The first call is the authorizer's.
    let response = Box::pin(change_while_held(
        dynamodb.hold_second_call("BatchGetItem"),
        change,
        assert_successful(suspend),
    ))
    .await;
    response.assert_error(401, "UNAUTHORIZED");
    service.patch(&path, &account.session, json!({"status": "active"})).await.expect(200);
    service.me(&session).await.assert_unauthorized();
}

#[tokio::test]
async fn account_suspended_during_a_change_of_the_password_or_of_sessions_changes_nothing() {
    let (service, dynamodb, account) = start().await;
    let suspend_for_a_moment = async || {
        service.suspend(&account).await;
        service.restore(&account).await;
    };
    let body = json!({"current_password": PASSWORD, "new_password": "two lizards on the wall"});
    let change = service.post("/v1/auth/password", &account.session, body);
    // The first one reserves the attempt.
    let held = dynamodb.hold_second_call("TransactWriteItems");
    let response = Box::pin(change_while_held(held, change, suspend_for_a_moment())).await;
    response.assert_error(409, "CONFLICT");
    let session = service.login(&account.email).await;
    let end_others = service.delete("/v1/auth/sessions", &session);
    let held = dynamodb.hold("TransactWriteItems");
    let response = Box::pin(change_while_held(held, end_others, suspend_for_a_moment())).await;
    response.assert_error(409, "CONFLICT");
}

#[tokio::test]
async fn member_removed_during_a_password_change_with_a_common_password_returns_401() {
    let (service, dynamodb, account) = start().await;
    let (session, id) = service.member(&account.session, &["read"]).await;
    let body = json!({"current_password": PASSWORD, "new_password": "passwordpassword"});
    let change = service.post("/v1/auth/password", &session, body);
    let path = format!("/v1/members/{id}");
    let remove = service.delete(&path, &account.session);
    // The first transaction reserves the password attempt, the second resets the failure count.
    let response = Box::pin(change_while_held(
        dynamodb.hold_second_call("TransactWriteItems"),
        change,
        assert_successful(remove),
    ))
    .await;
    response.assert_error(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn session_ended_during_its_logout_returns_204() {
    let (service, dynamodb, account) = start().await;
    let ended = service.login(&account.email).await;
    let logout = service.request("POST", "/v1/auth/logout").with(&ended).send();
    let id = service.get("/v1/auth/sessions", &ended).await.expect(200)["data"][0]["id"].clone();
    let path = format!("/v1/auth/sessions/{}", id.as_str().expect("an id"));
    let end = service.delete(&path, &account.session);
    change_during(&dynamodb, "TransactWriteItems", logout, end).await.expect(204);
    service.me(&ended).await.assert_unauthorized();
}

#[tokio::test]
async fn admin_demoted_during_the_request_changes_no_other_member() {
    let (service, dynamodb, account) = start().await;
    let (session, id) = service.member(&account.session, &["read", "admin"]).await;
    let (_, other) = service.member(&account.session, &["read"]).await;
    let (path, other) = (format!("/v1/members/{id}"), format!("/v1/members/{other}"));
    let before = service.get(&other, &account.session).await.expect(200);
    for change in [Some(json!({"permissions": ["admin"]})), Some(json!({"status": "suspended"})), None] {
        let request =
            service.request(if change.is_some() { "PATCH" } else { "DELETE" }, &other).with(&session);
        let request = if let Some(change) = &change { request.json(change) } else { request };
        let demote = service.patch(&path, &account.session, json!({"permissions": ["read"]}));
        let response = change_during(&dynamodb, "TransactWriteItems", request.send(), demote).await;
        response.assert_error(409, "CONFLICT");
        let promotion = json!({"permissions": ["read", "admin"]});
        service.patch(&path, &account.session, promotion).await.expect(200);
    }
    assert_eq!(service.get(&other, &account.session).await.expect(200), before);
}

#[tokio::test]
async fn session_ended_during_the_request_changes_nothing() {
    let (service, dynamodb, account) = start().await;
    let (secret, record) = service.key(&account.session, json!({})).await;
    let (_, other) = service.member(&account.session, &["read"]).await;
    let key = key_path(&record);
    let (rotation, other) = (format!("{key}/rotate"), format!("/v1/members/{other}"));
    let own = format!("/v1/members/{}", account.user_id);
    let member = json!({"email": new_address(), "permissions": ["read"]});
    // Otherwise the owner must keep all permissions.
    service.member(&account.session, &["read", "write", "delete", "admin"]).await;
    let (invited, invitation) = invited_member(&service, &account).await;
    let before = service.get("/v1/members", &account.session).await.expect(200);
    for (method, path, body) in [
        ("POST", "/v1/api-keys", new_key()),
        ("POST", &rotation, json!({})),
        ("PATCH", &key, json!({"permissions": ["read"]})),
        ("POST", "/v1/members", member),
        ("POST", &invitation, json!({})),
        ("PATCH", &other, json!({"permissions": ["read", "write"]})),
        ("PATCH", &own, json!({"permissions": ["read", "admin"]})),
        ("DELETE", &format!("{other}/sessions"), json!({})),
        ("DELETE", "/v1/auth/sessions", json!({})),
        ("DELETE", &other, json!({})),
    ] {
        let ended = service.login(&account.email).await;
        let sessions = service.get("/v1/auth/sessions", &ended).await.expect(200);
        let id = format!("/v1/auth/sessions/{}", text(&sessions["data"][0], "id"));
        let request = service.request(method, path).with(&ended).json(&body).send();
        let end = service.delete(&id, &account.session);
        change_during(&dynamodb, "TransactWriteItems", request, end).await.assert_error(409, "CONFLICT");
    }
    assert_eq!(service.ids("/v1/api-keys", &account.session, 100).await, [text(&record, "id")]);
    let me = service.me(&secret).await.expect(200);
    assert_eq!((&me["secret"], &me["permissions"]), (&json!("current"), &record["permissions"]));
    assert_eq!(service.get("/v1/members", &account.session).await.expect(200), before);
    service.accept(&invited).await;
}

#[tokio::test]
async fn member_suspended_and_restored_during_the_request_creates_nothing() {
    let (service, dynamodb, account) = start().await;
    let (session, id) = service.member(&account.session, &["read"]).await;
    let path = format!("/v1/members/{id}");
    let create = service.post("/v1/api-keys", &session, new_key());
    let end = async {
        service.patch(&path, &account.session, json!({"status": "suspended"})).await.expect(200);
        service.patch(&path, &account.session, json!({"status": "active"})).await
    };
    change_during(&dynamodb, "TransactWriteItems", create, end).await.assert_error(409, "CONFLICT");
    assert_eq!(service.ids("/v1/api-keys", &account.session, 100).await, [""; 0]);
}

#[tokio::test]
async fn secret_replaced_during_the_request_rotates_nothing() {
    let (service, dynamodb, account) = start().await;
    for (hold, operation) in BEFORE_THE_READ_AND_BEFORE_THE_WRITE {
        let (secret, record) = service.key(&account.session, json!({})).await;
        let path = format!("{}/rotate", key_path(&record));
        let by_itself = service.post(&path, &secret, json!({}));
        let by_owner = assert_successful(service.post(&path, &account.session, json!({"grace_period": 0})));
        let held = hold(&dynamodb, operation);
        let response = change_while_held(held, Box::pin(by_itself), Box::pin(by_owner)).await;
        response.assert_error(409, "CONFLICT");
        service.me(&secret).await.assert_unauthorized();
    }
}

#[tokio::test]
async fn secret_replaced_during_the_request_creates_nothing() {
    let (service, dynamodb, account) = start().await;
    let (secret, record) = service.key(&account.session, json!({})).await;
    let path = format!("{}/rotate", key_path(&record));
    // During the grace period of the first rotation, the previous secret can still create keys.
    service.post(&path, &account.session, json!({"grace_period": 60})).await.expect(200);
    let create = service.post("/v1/api-keys", &secret, new_key());
    let other = service.get("/v1/auth/me", &account.session);
    change_during(&dynamodb, "TransactWriteItems", create, other).await.expect(201);
    let create = service.post("/v1/api-keys", &secret, new_key());
    let rotate = service.post(&path, &account.session, json!({"grace_period": 0}));
    change_during(&dynamodb, "TransactWriteItems", create, rotate).await.assert_error(409, "CONFLICT");
    assert_eq!(service.ids("/v1/api-keys", &account.session, 100).await.len(), 2);
}

#[tokio::test]
async fn account_suspended_during_the_request_changes_nothing() {
    let (service, dynamodb, account) = start().await;
    let (key, key_record) = service.key(&account.session, json!({})).await;
    let (secret, record) = service.key(&account.session, json!({})).await;
    let (_, reader) = service.member(&account.session, &["read"]).await;
    let (_, admin) = service.member(&account.session, &["read", "admin"]).await;
    let [own, rotation] = [&key_record, &record].map(|record| format!("{}/rotate", key_path(record)));
    let path = key_path(&record);
    let [reader, admin] = [reader, admin].map(|id| format!("/v1/members/{id}"));
    let sessions = format!("{reader}/sessions");
    let (invited, invitation) = invited_member(&service, &account).await;
    let sk = format!("MEMBER#{}", text(&invited, "id"));
    let invited = service.item(&account.partition(), &sk).await;
    let member = |permissions: [&str; 2]| json!({"email": new_address(), "permissions": permissions});
    let keys = service.ids("/v1/api-keys", &key, 100).await;
    let before = service.get("/v1/members", &key).await.expect(200);
    for (kind, is_restored) in [("session", false), ("session", true), ("key", false)] {
        // Some of these requests change the number of admins, which is stored in the account's item, and some do not.
        for (method, path, body) in [
            ("POST", "/v1/api-keys", new_key()),
            ("POST", &rotation, json!({})),
            ("POST", &own, json!({})),
            ("PATCH", &path, json!({"name": "New"})),
            ("POST", "/v1/members", member(["read", "write"])),
            ("POST", "/v1/members", member(["read", "admin"])),
            ("POST", &invitation, json!({})),
            ("PATCH", &reader, json!({"permissions": ["read", "write"]})),
            ("PATCH", &reader, json!({"permissions": ["read", "admin"]})),
            ("PATCH", &admin, json!({"permissions": ["read"]})),
            ("DELETE", &reader, json!({})),
            ("DELETE", &admin, json!({})),
            ("DELETE", &sessions, json!({})),
        ] {
            let concerns_an_admin = path == admin || body["permissions"][1] == "admin";
            if kind == "key" && concerns_an_admin {
                continue;
            }
            // A suspension ends all sessions, so each request with a session needs a new one.
            let caller = if kind == "key" { key.clone() } else { service.login(&account.email).await };
            let request = service.request(method, path).with(&caller).json(&body).send();
            let held = dynamodb.hold("TransactWriteItems");
            let suspend = async {
                service.suspend(&account).await;
                if is_restored {
                    service.restore(&account).await;
                }
            };
            let response = change_while_held(held, request, suspend).await;
            response.assert_error(409, "CONFLICT");
            assert_eq!(response.body["error"]["message"], "Another change was made first", "{method} {path}");
            service.restore(&account).await;
        }
    }
    for secret in [&key, &secret] {
        let me = service.me(secret).await.expect(200);
        assert_eq!((&me["secret"], &me["name"]), (&json!("current"), &record["name"]));
    }
    assert_eq!(service.ids("/v1/api-keys", &key, 100).await, keys);
    assert_eq!(service.get("/v1/members", &key).await.expect(200), before);
    assert_eq!(service.item(&account.partition(), &sk).await, invited);
}

#[tokio::test]
async fn all_credentials_ended_during_the_request_change_nothing() {
    let (service, dynamodb, account) = start().await;
    let mut keys = 0;
    for is_key in [false, true] {
        for n in 0..4 {
            let admin = service.login(&account.email).await;
            let (key, _) = service.key(&admin, json!({})).await;
            let (_, record) = service.key(&admin, json!({})).await;
            keys += 2;
            let caller = if is_key { &key } else { &admin };
            let (method, path, body) = &granting_requests(&record)[n];
            let request = service.request(method, path).with(caller).json(body).send();
            let end = async {
                let command = json!({"end_all_credentials": {"account_id": account.id}});
                service.operate(command).await.expect("the credentials end");
            };
            let held = dynamodb.hold("TransactWriteItems");
            let response = change_while_held(held, Box::pin(request), Box::pin(end)).await;
            assert_eq!(response.status, 409, "{method} {path}: {}", response.text);
        }
    }
    let admin = service.login(&account.email).await;
    let shown = service.get("/v1/api-keys?status=revoked&limit=100", &admin).await.expect(200);
    let shown = shown["data"].as_array().expect("a list");
    assert!(shown.len() == keys && shown.iter().all(|key| key["name"] == "A key"), "{shown:?}");
    assert_eq!(service.ids("/v1/api-keys", &admin, 100).await, [""; 0]);
    assert_eq!(service.ids("/v1/members", &admin, 100).await, [account.user_id]);
}

#[tokio::test]
async fn last_key_within_the_limit_created_during_the_request_leaves_no_room_for_another() {
    let (service, dynamodb, account) = start().await;
    let limits = json!({"account_id": account.id, "keys": {"live": 1}});
    service.operate(json!({"set_limits": limits})).await.expect("the limits are set");
    let create = || service.request("POST", "/v1/api-keys").with(&account.session).json(&new_key()).send();
    // Counts the keys, so that the write of the next request is the creation.
    let first = create().await.expect(201);
    service.delete(&key_path(&first), &account.session).await.expect(204);
    let held = dynamodb.hold("TransactWriteItems");
    let other = async {
        create().await.expect(201);
    };
    change_while_held(held, create(), other).await.assert_error(409, "CONFLICT");
    assert_eq!(service.ids("/v1/api-keys", &account.session, 100).await.len(), 1);
}

#[tokio::test]
async fn account_limits_changed_during_the_request_create_and_change_no_key() {
    let (service, dynamodb, account) = start().await;
    let (key, record) = service.key(&account.session, json!({})).await;
    let path = key_path(&record);
    // A different limit each time, because a command with the present limits changes nothing.
    let mut limits = 1..;
    let change_limits = async |sessions: u32| {
        let limits = json!({"account_id": account.id, "sessions_per_member": sessions});
        service.operate(json!({"set_limits": limits})).await.expect("the limits are set");
    };
    let renaming = json!({"name": "New"});
    // The second change is one of an account whose limits were changed before.
    for caller in [&account.session, &key] {
        for (method, path, body, succeeds) in
            [("POST", "/v1/api-keys", new_key(), 201), ("PATCH", &path, renaming.clone(), 200)]
        {
            // A key cannot change itself.
            let caller = if method == "PATCH" { &account.session } else { caller };
            let request = || service.request(method, path).with(caller).json(&body).send();
            let held = dynamodb.hold("TransactWriteItems");
            let changed = change_limits(limits.next().expect("an endless range"));
            let response = change_while_held(held, request(), changed).await;
            response.assert_error(409, "CONFLICT");
            let keys = service.get("/v1/api-keys", &account.session).await.expect(200);
            assert_eq!((&keys["data"][0]["name"], &keys["data"][1]), (&record["name"], &Value::Null));
            // The request now reads the new limits.
            let response = request().await.expect(succeeds);
            if method == "POST" {
                service.delete(&key_path(&response), &account.session).await.expect(204);
            } else {
                let body = json!({"name": record["name"]});
                service.patch(path, &account.session, body).await.expect(200);
            }
        }
    }
}

#[tokio::test]
async fn policy_changed_during_the_request_applies_to_each_new_and_changed_key() {
    let (service, dynamodb, account) = start().await;
    let (_, record) = service.key(&account.session, json!({})).await;
    let (_, disabled) = service.key(&account.session, json!({})).await;
    let [path, disabled] = [key_path(&record), key_path(&disabled)];
    service.patch(&disabled, &account.session, json!({"disabled": true})).await.expect(200);
    for (method, path, body) in [
        ("POST", "/v1/api-keys", new_key()),
        ("PATCH", &path, json!({"name": "New"})),
        ("PATCH", &disabled, json!({"disabled": false})),
    ] {
        let request = || service.request(method, path).with(&account.session).json(&body).send();
        let limit = json!({"policy": {"max_key_lifetime_days": 30}});
        let tighten = service.patch("/v1/account", &account.session, limit);
        let response = change_during(&dynamodb, "TransactWriteItems", request(), tighten).await;
        response.assert_error(409, "CONFLICT");
        request().await.assert_bad_field("expires_at");
        let unlimited = json!({"policy": {"max_key_lifetime_days": null}});
        service.patch("/v1/account", &account.session, unlimited).await.expect(200);
    }
    let keys = service.get("/v1/api-keys?status=all", &account.session).await.expect(200);
    let shown: Vec<_> =
        keys["data"].as_array().unwrap().iter().map(|key| (&key["name"], &key["status"])).collect();
    let name = &record["name"];
    assert_eq!(shown, [(name, &json!("disabled")), (name, &json!("active"))]);
}

#[tokio::test]
async fn policy_changed_during_the_request_rotates_nothing() {
    let (service, dynamodb, account) = start().await;
    let (key, record) = service.key(&account.session, json!({})).await;
    let (other, _) = service.key(&account.session, json!({})).await;
    let path = format!("{}/rotate", key_path(&record));
    let set_minutes = async |minutes: u32| {
        let body = json!({"policy": {"reauthentication_minutes": minutes}});
        service.patch("/v1/account", &account.session, body).await
    };
    for caller in [&account.session, &other, &key] {
        set_minutes(60).await.expect(200);
        let rotate = service.post(&path, caller, json!({}));
        let response = change_during(&dynamodb, "TransactWriteItems", rotate, set_minutes(5)).await;
        response.assert_error(409, "CONFLICT");
        assert_eq!(service.me(&key).await.expect(200)["secret"], "current");
    }
    service.post(&path, &account.session, json!({})).await.expect(200);
}

#[tokio::test]
async fn account_is_not_changed_by_a_caller_who_loses_access_or_after_another_change() {
    let (service, dynamodb, account) = start().await;
    let before = service.get("/v1/account", &account.session).await.expect(200);
    let body = json!({"name": "New", "policy": {"idle_key_days": 7}});
    let pk = format!("ACCOUNT#{}", account.id);

    let (admin, id) = service.member(&account.session, &["read", "admin"]).await;
    let change = service.patch("/v1/account", &admin, body.clone());
    let path = format!("/v1/members/{id}");
    let demote = service.patch(&path, &account.session, json!({"permissions": ["read"]}));
    change_during(&dynamodb, "TransactWriteItems", change, demote).await.assert_error(409, "CONFLICT");

    let ended = service.login(&account.email).await;
    let sessions = service.get("/v1/auth/sessions", &ended).await.expect(200);
    let path = format!("/v1/auth/sessions/{}", text(&sessions["data"][0], "id"));
    let change = service.patch("/v1/account", &ended, body.clone());
    let end = service.delete(&path, &account.session);
    change_during(&dynamodb, "TransactWriteItems", change, end).await.assert_error(409, "CONFLICT");

    let change = service.patch("/v1/account", &account.session, body.clone());
    let held = dynamodb.hold("TransactWriteItems");
    change_while_held(held, Box::pin(change), service.suspend(&account)).await.assert_error(409, "CONFLICT");
    service.restore(&account).await;
    let account = Account { session: service.login(&account.email).await, ..account };

    let change = service.patch("/v1/account", &account.session, body.clone());
    let held = dynamodb.hold("TransactWriteItems");
    let restricted = restrict(&service, &pk, "ACCOUNT", &["new"]);
    change_while_held(held, Box::pin(change), Box::pin(restricted)).await.assert_error(409, "CONFLICT");
    lift(&service, &pk, "ACCOUNT", &["new"]).await;

    assert_eq!(service.get("/v1/account", &account.session).await.expect(200), before);
    // Neither of two concurrent changes undoes the other.
    let change = service.patch("/v1/account", &account.session, body);
    let other = service.patch("/v1/account", &account.session, json!({"name": "Other"}));
    change_during(&dynamodb, "TransactWriteItems", change, other).await.assert_error(409, "CONFLICT");
    let after = service.get("/v1/account", &account.session).await.expect(200);
    assert_eq!((&after["name"], &after["policy"]), (&json!("Other"), &before["policy"]));
}

#[tokio::test]
async fn account_renamed_during_its_deletion_is_not_deleted() {
    let (service, dynamodb, account) = start().await;
    let command = json!({"delete_account": {"account_id": account.id, "confirm": "Study"}});
    let rename = service.patch("/v1/account", &account.session, json!({"name": "Other"}));
    let held = dynamodb.hold("TransactWriteItems");
    let deletion = Box::pin(service.operate(command));
    let result = change_while_held(held, deletion, Box::pin(assert_successful(rename))).await;
    assert_eq!(result.expect_err("the name is another one").error_type, "CONFLICT");
    service.me(&account.session).await.expect(200);
    let item = service.item(&account.partition(), "ACCOUNT").await.expect("the account");
    assert_eq!(item["status"].as_s().expect("a text"), "active");
    assert_eq!(item.get("deleted_at"), None);
}

/// Returns requests that create a key, rotate a key, create a member and change a key: method, path and body.
fn granting_requests(key: &Value) -> [(&'static str, String, Value); 4] {
    let member = json!({"email": new_address(), "permissions": ["read"]});
    let key = key_path(key);
    [
        ("POST", "/v1/api-keys".to_owned(), new_key()),
        ("POST", format!("{key}/rotate"), json!({})),
        ("POST", "/v1/members".to_owned(), member),
        ("PATCH", key, json!({"name": "New"})),
    ]
}

#[tokio::test]
async fn key_expired_during_the_request_changes_nothing() {
    let (service, dynamodb, account) = start().await;
    let (secret, record) = service.key(&account.session, json!({})).await;
    for (method, path, body) in granting_requests(&record) {
        let (key, _) =
            service.key(&account.session, json!({"expires_at": service.time.in_seconds(60)})).await;
        // The authorizer has made its decision when it records the use of the key.
        let held = dynamodb.hold("UpdateItem");
        let request = service.request(method, &path).with(&key).json(&body).send();
        let response = change_while_held(held, request, async { service.time.pass(60) }).await;
        response.assert_error(409, "CONFLICT");
        service.me(&key).await.assert_unauthorized();
    }
    let me = service.me(&secret).await.expect(200);
    assert_eq!((&me["secret"], &me["name"]), (&json!("current"), &record["name"]));
    assert_eq!(service.ids("/v1/api-keys", &account.session, 100).await.len(), 5);
    assert_eq!(service.ids("/v1/members", &account.session, 100).await.len(), 1);
}

#[tokio::test]
async fn key_expired_during_the_idempotency_lookup_returns_409() {
    let (service, dynamodb, account) = start().await;
    let (_, record) = service.key(&account.session, json!({})).await;
    let rotation = format!("{}/rotate", key_path(&record));
    for (path, held) in [
        // The first read is the one of the account.
        ("/v1/api-keys", DynamoDb::hold_second_call as fn(&DynamoDb, &'static str) -> Held),
        (&rotation, DynamoDb::hold),
    ] {
        let (key, _) =
            service.key(&account.session, json!({"expires_at": service.time.in_seconds(60)})).await;
        let body = if path == rotation { json!({}) } else { new_key() };
        let request = service.request("POST", path).with(&key).header("Idempotency-Key", "A").json(&body);
        let response =
            change_while_held(held(&dynamodb, "GetItem"), request.send(), async { service.time.pass(60) })
                .await;
        response.assert_error(409, "CONFLICT");
    }
}

#[tokio::test]
async fn session_expired_during_the_request_returns_409() {
    let (service, dynamodb, account) = start().await;
    let (_, record) = service.key(&account.session, json!({})).await;
    let mut sessions = Vec::new();
    for _ in 0..4 {
        sessions.push(service.login(&account.email).await);
    }
    // The sessions are used until shortly before they expire.
    for _ in 0..23 {
        service.time.pass(1_800);
        for session in &sessions {
            service.me(session).await.expect(200);
        }
    }
    service.time.pass(1_700);
    for session in &sessions {
        let body = json!({"password": PASSWORD});
        service.post("/v1/auth/reauthenticate", session, body).await.expect(204);
    }
    // The next request records the use of its session.
    service.time.pass(60);
    for (session, (method, path, body)) in sessions.iter().zip(granting_requests(&record)) {
        let held = dynamodb.hold("UpdateItem");
        let request = service.request(method, &path).with(session).json(&body).send();
        let response = change_while_held(held, request, async { service.time.pass(100) }).await;
        response.assert_error(409, "CONFLICT");
        service.me(session).await.assert_unauthorized();
        service.time.pass(-100);
    }
}

#[tokio::test]
async fn previous_secret_expired_during_the_request_changes_nothing() {
    let (service, dynamodb, account) = start().await;
    let (other, other_record) = service.key(&account.session, json!({})).await;
    for (method, path, body) in granting_requests(&other_record) {
        let (secret, record) = service.key(&account.session, json!({})).await;
        service.time.next_second();
        let (rotated, _) = service.rotate(&record, &account.session, 1).await;
        let held = dynamodb.hold("UpdateItem");
        let request = service.request(method, &path).with(&secret).json(&body).send();
        let response = change_while_held(held, request, async { service.time.pass(1) }).await;
        response.assert_error(409, "CONFLICT");
        service.me(&secret).await.assert_unauthorized();
        service.me(&rotated).await.expect(200);
    }
    let me = service.me(&other).await.expect(200);
    assert_eq!((&me["secret"], &me["name"]), (&json!("current"), &other_record["name"]));
    assert_eq!(service.ids("/v1/api-keys", &account.session, 100).await.len(), 5);
    assert_eq!(service.ids("/v1/members", &account.session, 100).await.len(), 1);
}
