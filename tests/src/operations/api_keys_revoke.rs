//! `DELETE /v1/api-keys/{key_id}`.

use serde_json::json;

use crate::{
    response::without,
    service::{OwnService, Service, key_path},
};

#[tokio::test]
async fn ends_the_key_at_once_and_again_is_204_and_writes_nothing() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let (key, made) = service.key(&account.session, json!({})).await;
    service.me(&key).await.expect(200);
    for transactions in [1, 0, 0] {
        dynamodb.calls();
        assert_eq!(service.delete(&key_path(&made), &account.session).await.expect(204), json!(null));
        let calls = dynamodb.calls();
        assert_eq!(calls.iter().filter(|call| *call == "TransactWriteItems").count(), transactions);
        service.me(&key).await.assert_unauthorized();
    }
    let mut expected = without(&made, "key");
    expected["status"] = json!("revoked");
    expected["last_used_at"] = made["created_at"].clone();
    assert_eq!(service.get(&key_path(&made), &account.session).await.expect(200), expected);
}

#[tokio::test]
async fn ends_the_current_and_the_previous_secret() {
    let service = Service::start().await;
    let account = service.account().await;
    let (previous, made) = service.key(&account.session, json!({})).await;
    let (current, _) = service.rotate(&made, &account.session, 3600).await;
    for secret in [&previous, &current] {
        service.me(secret).await.expect(200);
    }
    service.delete(&key_path(&made), &account.session).await.expect(204);
    for secret in [&previous, &current] {
        service.me(secret).await.assert_unauthorized();
        service.get("/v1/projects", secret).await.assert_unauthorized();
    }
}

#[tokio::test]
async fn stays_revoked_whatever_time_passes() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (key, made) = service.key(&account.session, json!({})).await;
    service.delete(&key_path(&made), &account.session).await.expect(204);
    for seconds in [3600, -7200] {
        service.time.pass(seconds);
        service.me(&key).await.assert_unauthorized();
    }
}

#[tokio::test]
async fn by_the_key_itself_needs_no_permission() {
    let service = Service::start().await;
    let account = service.account().await;
    for permission in ["read", "write", "admin"] {
        let members = json!({"permissions": [permission], "type": "test", "scope": {"projects": ["proj_a"]}});
        let (key, made) = service.key(&account.session, members).await;
        service.delete(&key_path(&made), &key).await.expect(204);
        service.me(&key).await.assert_unauthorized();
        service.delete(&key_path(&made), &key).await.assert_unauthorized();
    }
}

#[tokio::test]
async fn by_the_key_itself_with_its_previous_secret_is_204() {
    let service = Service::start().await;
    let account = service.account().await;
    let (previous, made) = service.key(&account.session, json!({})).await;
    let (current, _) = service.rotate(&made, &account.session, 3600).await;
    service.delete(&key_path(&made), &previous).await.expect(204);
    service.me(&current).await.assert_unauthorized();
}

#[tokio::test]
async fn of_another_key_without_admin_is_403() {
    let service = Service::start().await;
    let account = service.account().await;
    let (key, _) = service.key(&account.session, json!({"permissions": ["read", "write", "delete"]})).await;
    let (other, made) = service.key(&account.session, json!({})).await;
    service.delete(&key_path(&made), &key).await.assert_forbidden();
    service.request("DELETE", &key_path(&made)).send().await.assert_unauthorized();
    service.me(&other).await.expect(200);
}

#[tokio::test]
async fn by_an_admin_key_or_any_session_is_204() {
    let service = Service::start().await;
    let account = service.account().await;
    let (admin, _) = service.key(&account.session, json!({"permissions": ["admin"]})).await;
    let (reader, _) = service.member(&account.session, &["read"]).await;
    for caller in [admin, reader] {
        let (key, made) = service.key(&account.session, json!({})).await;
        service.delete(&key_path(&made), &caller).await.expect(204);
        service.me(&key).await.assert_unauthorized();
    }
}

#[tokio::test]
async fn outside_the_callers_type_or_scope_is_404_and_ends_nothing() {
    let service = Service::start().await;
    let account = service.account().await;
    let scope = |projects: &[&str]| json!({"scope": {"projects": projects}});
    let (live, _) = service.key(&account.session, json!({})).await;
    let (test, _) = service.key(&account.session, json!({"type": "test"})).await;
    let (scoped, _) = service.key(&account.session, scope(&["proj_a"])).await;
    for (caller, members) in [
        (&live, json!({"type": "test"})),
        (&test, json!({})),
        (&scoped, json!({})),
        (&scoped, scope(&["proj_b"])),
        (&scoped, scope(&["proj_a", "proj_b"])),
    ] {
        let (key, made) = service.key(&account.session, members.clone()).await;
        service.delete(&key_path(&made), caller).await.assert_not_found();
        assert_eq!(service.me(&key).await.status, 200, "{members}");
    }
}

#[tokio::test]
async fn an_unknown_id_is_404_and_makes_nothing() {
    let service = Service::start().await;
    let account = service.account().await;
    for id in ["key_0000000000000000", "key_", "x", &account.user_id] {
        service.delete(&format!("/v1/api-keys/{id}"), &account.session).await.assert_not_found();
    }
    assert_eq!(service.ids("/v1/api-keys?status=all", &account.session, 100).await, [""; 0]);
}

#[tokio::test]
async fn an_expired_key_is_revoked_like_any() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let expires_at = service.time.in_seconds(60);
    let (_, made) = service.key(&account.session, json!({"expires_at": expires_at})).await;
    service.time.pass(60);
    service.delete(&key_path(&made), &account.session).await.expect(204);
    assert_eq!(service.get(&key_path(&made), &account.session).await.expect(200)["status"], "revoked");
}
