//! `GET /v1/api-keys/{key_id}`.

use serde_json::json;

use crate::{
    response::without,
    service::{OwnService, Service, key_path},
};

#[tokio::test]
async fn returns_created_key_without_its_secret() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let fields = json!({"scope": {"projects": ["proj_a"]}, "expires_at": service.time.in_seconds(60)});
    let (_, created) = service.key(&account.session, fields).await;
    let shown = service.get(&key_path(&created), &account.session).await.expect(200);
    assert_eq!(shown, without(&created, "key"));
}

#[tokio::test]
async fn by_key_itself_requires_no_permission() {
    let service = OwnService::start().await;
    let account = service.account().await;
    for permission in ["read", "write", "delete"] {
        let fields = json!({"permissions": [permission], "type": "test", "scope": {"projects": ["proj_a"]}});
        let (key, created) = service.key(&account.session, fields).await;
        let mut expected = without(&created, "key");
        expected["last_used_at"] = created["created_at"].clone();
        expected["last_used_ip"] = json!("127.0.0.1");
        assert_eq!(service.get(&key_path(&created), &key).await.expect(200), expected);
    }
}

#[tokio::test]
async fn of_another_key_without_admin_returns_403() {
    let service = Service::start().await;
    let account = service.account().await;
    let (key, _) = service.key(&account.session, json!({"permissions": ["read", "write", "delete"]})).await;
    let (_, other) = service.key(&account.session, json!({})).await;
    service.get(&key_path(&other), &key).await.assert_forbidden();
    service.get("/v1/api-keys/key_0000000000000000", &key).await.assert_forbidden();
    service.request("GET", &key_path(&other)).send().await.assert_unauthorized();
}

#[tokio::test]
async fn admin_key_reads_only_keys_within_its_type_and_scope() {
    let service = Service::start().await;
    let account = service.account().await;
    let scope = json!({"projects": ["proj_a", "proj_b"]});
    let (live, _) = service.key(&account.session, json!({"permissions": ["admin"]})).await;
    let (test, _) = service.key(&account.session, json!({"type": "test"})).await;
    let (scoped, _) = service.key(&account.session, json!({"scope": scope})).await;
    // The fields of a key, and whether the live, the test and the scoped caller can read that key.
    for (fields, readable) in [
        (json!({}), [true, false, false]),
        (json!({"type": "test"}), [false, true, false]),
        (json!({"scope": {"projects": ["proj_b"]}}), [true, false, true]),
        (json!({"scope": scope}), [true, false, true]),
        (json!({"scope": {"projects": ["proj_b", "proj_c"]}}), [true, false, false]),
        (json!({"scope": {"projects": ["proj_b"]}, "type": "test"}), [false, true, false]),
    ] {
        let (_, key) = service.key(&account.session, fields.clone()).await;
        for (caller, readable) in [&live, &test, &scoped].into_iter().zip(readable) {
            let response = service.get(&key_path(&key), caller).await;
            if readable {
                assert_eq!(response.expect(200), without(&key, "key"), "{fields}");
            } else {
                response.assert_not_found();
            }
        }
    }
}

#[tokio::test]
async fn unknown_or_malformed_id_returns_404() {
    let service = Service::start().await;
    let account = service.account().await;
    let (_, key) = service.key(&account.session, json!({})).await;
    let path = key_path(&key);
    for path in [
        "/v1/api-keys/key_0000000000000000",
        "/v1/api-keys/key_",
        "/v1/api-keys/x",
        "/v1/api-keys/%20",
        "/v1/api-keys/KEY%23",
        &format!("/v1/api-keys/{}", account.user_id),
        &path.replace("key_", "KEY_"),
        &format!("{path}0"),
        &path[..path.len() - 1],
    ] {
        service.get(path, &account.session).await.assert_not_found();
    }
}

#[tokio::test]
async fn status_is_active_then_expired_or_revoked() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let expires_at = service.time.in_seconds(60);
    let (_, ends) = service.key(&account.session, json!({"expires_at": expires_at})).await;
    let (_, revoked) = service.key(&account.session, json!({})).await;
    service.delete(&key_path(&revoked), &account.session).await.expect(204);

    let status = async |path: &str| service.get(path, &account.session).await.expect(200)["status"].clone();
    assert_eq!(status(&key_path(&revoked)).await, "revoked");
    service.time.pass(59);
    assert_eq!(status(&key_path(&ends)).await, "active");
    service.time.pass(1);
    assert_eq!(status(&key_path(&ends)).await, "expired");
    service.delete(&key_path(&ends), &account.session).await.expect(204);
    assert_eq!(status(&key_path(&ends)).await, "revoked");
}
