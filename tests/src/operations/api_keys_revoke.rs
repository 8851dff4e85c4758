//! `DELETE /v1/api-keys/{key_id}`.

use serde_json::json;
use shared::primitives::environment::Environment;

use crate::{
    dynamodb::Fault,
    response::{text, without},
    service::{Credential, OwnService, Service, key_path},
};

#[tokio::test]
async fn key_is_invalid_immediately_and_repeated_revocation_writes_nothing() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let (key, created) = service.key(&account.session, json!({})).await;
    service.me(&key).await.expect(200);
    for transactions in [1, 0, 0] {
        dynamodb.calls();
        assert_eq!(service.delete(&key_path(&created), &account.session).await.expect(204), json!(null));
        let calls = dynamodb.calls();
        assert_eq!(calls.iter().filter(|call| *call == "TransactWriteItems").count(), transactions);
        service.me(&key).await.assert_unauthorized();
    }
    let mut expected = without(&created, "key");
    expected["status"] = json!("revoked");
    expected["last_used_at"] = created["created_at"].clone();
    expected["last_used_ip"] = json!("127.0.0.1");
    assert_eq!(service.get(&key_path(&created), &account.session).await.expect(200), expected);
}

#[tokio::test]
async fn current_and_previous_secret_become_invalid() {
    let service = Service::start().await;
    let account = service.account().await;
    let (previous, created) = service.key(&account.session, json!({})).await;
    let (current, _) = service.rotate(&created, &account.session, 3600).await;
    for secret in [&previous, &current] {
        service.me(secret).await.expect(200);
    }
    service.delete(&key_path(&created), &account.session).await.expect(204);
    for secret in [&previous, &current] {
        service.me(secret).await.assert_unauthorized();
        service.get("/v1/projects", secret).await.assert_unauthorized();
    }
}

#[tokio::test]
async fn key_stays_revoked_when_the_clock_moves() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (key, created) = service.key(&account.session, json!({})).await;
    service.delete(&key_path(&created), &account.session).await.expect(204);
    for seconds in [3600, -7200] {
        service.time.pass(seconds);
        service.me(&key).await.assert_unauthorized();
    }
}

#[tokio::test]
async fn by_key_itself_requires_no_permission() {
    let service = Service::start().await;
    let account = service.account().await;
    for permission in ["read", "write", "admin"] {
        let fields = json!({"permissions": [permission], "type": "test", "scope": {"projects": ["proj_a"]}});
        let (key, created) = service.key(&account.session, fields).await;
        service.delete(&key_path(&created), &key).await.expect(204);
        service.me(&key).await.assert_unauthorized();
        service.delete(&key_path(&created), &key).await.assert_unauthorized();
    }
}

#[tokio::test]
async fn by_key_itself_with_previous_secret_returns_204() {
    let service = Service::start().await;
    let account = service.account().await;
    let (previous, created) = service.key(&account.session, json!({})).await;
    let (current, _) = service.rotate(&created, &account.session, 3600).await;
    service.delete(&key_path(&created), &previous).await.expect(204);
    service.me(&current).await.assert_unauthorized();
}

#[tokio::test]
async fn of_another_key_without_admin_returns_403() {
    let service = Service::start().await;
    let account = service.account().await;
    let (key, _) = service.key(&account.session, json!({"permissions": ["read", "write", "delete"]})).await;
    let (other, created) = service.key(&account.session, json!({})).await;
    service.delete(&key_path(&created), &key).await.assert_forbidden();
    service.request("DELETE", &key_path(&created)).send().await.assert_unauthorized();
    service.me(&other).await.expect(200);
}

#[tokio::test]
async fn by_admin_key_admin_session_or_creator_returns_204() {
    let service = Service::start().await;
    let account = service.account().await;
    let (admin, _) = service.key(&account.session, json!({"permissions": ["admin"]})).await;
    let (creator, _) = service.member(&account.session, &["read"]).await;
    for caller in [&admin, &account.session, &creator] {
        let (key, created) = service.key(&creator, json!({"permissions": ["read"]})).await;
        service.delete(&key_path(&created), caller).await.expect(204);
        service.me(&key).await.assert_unauthorized();
    }
}

#[tokio::test]
async fn of_key_outside_the_callers_type_or_scope_returns_404_and_revokes_nothing() {
    let service = Service::start().await;
    let account = service.account().await;
    let scope = |projects: &[&str]| json!({"scope": {"projects": projects}});
    let (live, _) = service.key(&account.session, json!({})).await;
    let (test, _) = service.key(&account.session, json!({"type": "test"})).await;
    let (scoped, _) = service.key(&account.session, scope(&["proj_a"])).await;
    for (caller, fields) in [
        (&live, json!({"type": "test"})),
        (&test, json!({})),
        (&scoped, json!({})),
        (&scoped, scope(&["proj_b"])),
        (&scoped, scope(&["proj_a", "proj_b"])),
    ] {
        let (key, created) = service.key(&account.session, fields.clone()).await;
        service.delete(&key_path(&created), caller).await.assert_not_found();
        assert_eq!(service.me(&key).await.status, 200, "{fields}");
    }
}

#[tokio::test]
async fn unknown_id_returns_404_and_creates_nothing() {
    let service = Service::start().await;
    let account = service.account().await;
    for id in ["key_0000000000000000", "key_", "x", &account.user_id] {
        service.delete(&format!("/v1/api-keys/{id}"), &account.session).await.assert_not_found();
    }
    assert_eq!(service.ids("/v1/api-keys?status=all", &account.session, 100).await, [""; 0]);
}

#[tokio::test]
async fn revoked_key_costs_one_read_and_then_none() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let (revoked, record) = service.key(&account.session, json!({})).await;
    let (old, rotated) = service.key(&account.session, json!({})).await;
    let (new, _) = service.rotate(&rotated, &account.session, 60).await;
    let (valid, _) = service.key(&account.session, json!({})).await;
    for record in [&record, &rotated] {
        service.delete(&key_path(record), &account.session).await.expect(204);
    }
    dynamodb.calls();
    // Both secrets of a rotated key end with the key, so the second one costs no read even at its first use.
    for (credential, calls) in [(&revoked, 1), (&revoked, 0), (&old, 1), (&new, 0), (&old, 0)] {
        service.me(credential).await.assert_unauthorized();
        assert_eq!(dynamodb.calls(), vec!["BatchGetItem"; calls]);
    }
    for _ in 0..10 {
        let (one, other) = tokio::join!(service.me(&revoked), service.me(&new));
        one.assert_unauthorized();
        other.assert_unauthorized();
    }
    assert_eq!(dynamodb.calls(), [""; 0]);
    dynamodb.inject(Fault::Hang, None);
    service.me(&revoked).await.assert_unauthorized();
    dynamodb.recover();
    service.me(&valid).await.expect(200);
}

#[tokio::test]
async fn rejected_tokens_with_the_ids_of_a_valid_key_do_not_end_it() {
    let service = OwnService::start().await;
    let (account, other) = (service.account().await, service.account().await);
    let (key, record) = service.key(&account.session, json!({})).await;
    let (revoked, revoked_record) = service.key(&other.session, json!({})).await;
    service.delete(&key_path(&revoked_record), &other.session).await.expect(204);
    service.me(&revoked).await.assert_unauthorized();
    // Not even somebody who knows the key of the token MACs can make the authorizer reject a key that is not revoked.
    let mac_key = service.token_mac_key().await;
    for account in [&account.id, &other.id] {
        let wrong = Credential::with_wrong_secret(&mac_key, Environment::Live, account, text(&record, "id"));
        service.me(&wrong).await.assert_unauthorized();
    }
    service.me(&key).await.expect(200);
}

#[tokio::test]
async fn expired_key_can_be_revoked() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let expires_at = service.time.in_seconds(60);
    let (_, created) = service.key(&account.session, json!({"expires_at": expires_at})).await;
    service.time.pass(60);
    service.delete(&key_path(&created), &account.session).await.expect(204);
    assert_eq!(service.get(&key_path(&created), &account.session).await.expect(200)["status"], "revoked");
}
