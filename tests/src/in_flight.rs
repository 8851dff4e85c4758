//! Requests that were let in, and whose sender is let in no more when they come to write.

use serde_json::{Value, json};

use crate::{
    answer::Answer,
    dynamodb::DynamoDb,
    service::{Account, Credential, PASSWORD, Service, key_path},
};

async fn started() -> (Service, DynamoDb, Account) {
    let (service, dynamodb) = Service::start_with_dynamodb().await;
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
    let mut held = dynamodb.hold(operation);
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
    let email = service.new_address();
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
    let answer = overtaken(&dynamodb, "GetItem", change, suspend).await;
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

/// A key is let in until its revocation was answered, so whoever wins of these two, none is alive after.
#[tokio::test]
async fn a_key_that_makes_keys_while_it_is_revoked_leaves_none_that_nobody_was_given() {
    let service = Service::start().await;
    let account = service.account().await;
    for _ in 0..10 {
        let (maker, made) = service.key(&account.session, json!({"permissions": ["read", "admin"]})).await;
        let create = || service.post("/v1/api-keys", &maker, new_key());
        let path = key_path(&made);
        let revoke = service.delete(&path, &account.session);
        let (one, revoked, other) = tokio::join!(create(), revoke, create());
        revoked.expect(204);
        let mut given: Vec<Credential> = Vec::new();
        for answer in [one, other] {
            match answer.status {
                201 => given.push(Credential::bearer(answer.body["key"].as_str().expect("a key"))),
                401 | 409 => {}
                _ => panic!("{}", answer.text),
            }
        }
        let listed = service.ids("/v1/api-keys", &account.session, 100).await;
        assert_eq!(listed.len(), given.len());
        for key in &given {
            let id = service.me(key).await.expect(200)["key_id"].as_str().expect("an id").to_owned();
            service.delete(&format!("/v1/api-keys/{id}"), &account.session).await.expect(204);
        }
    }
}
