//! The examples of the public documentation. Only the host and the secrets differ from the documentation.

use serde_json::{Value, json};

use crate::{
    response::{Response, text},
    service::{Account, Credential, OwnService, Service},
};

/// Starts a service with an account whose first member is `user@example.com`, the member in the documentation.
async fn start() -> (OwnService, Account) {
    let service = OwnService::start().await;
    let account = service.account_with_email("user@example.com".to_owned()).await;
    (service, account)
}

/// Sends the same request as `curl -X POST … -H "Content-Type: application/json" -d …`.
async fn post(service: &Service, path: &str, credential: &Credential, data: &str) -> Response {
    let request = service.request("POST", path).header("Content-Type", "application/json");
    request.with(credential).body(data).send().await
}

/// Creates a key. Returns the response.
async fn create(service: &Service, session: &Credential, data: &str) -> Value {
    post(service, "/v1/api-keys", session, data).await.expect(201)
}

const PRODUCTION_SERVER: &str = r#"{"name": "Production Server", "permissions": ["read", "write"]}"#;
const STUDY_A_SERVER: &str = r#"{"name": "Study A Server", "permissions": ["read", "write"], "scope": {"projects": ["proj_abc123", "proj_def456"]}}"#;

fn key(record: &Value) -> Credential {
    Credential::bearer(text(record, "key"))
}

#[tokio::test]
async fn logout_ends_the_session_of_a_login() {
    let (service, _) = start().await;
    let data = r#"{"email": "user@example.com", "password": "a lizard on the 7th wall"}"#;
    let request = service.request("POST", "/v1/auth/login").header("Content-Type", "application/json");
    let response = request.body(data).send().await.expect(200);
    let token = text(&response, "session_token");
    assert_eq!(response, json!({"session_token": token, "expires_at": "2026-01-30T12:00:00Z"}));
    let session = Credential(format!("Session {token}"));
    service.get("/v1/projects", &session).await.expect(200);
    service.request("POST", "/v1/auth/logout").with(&session).send().await.expect(204);
    service.get("/v1/projects", &session).await.assert_unauthorized();
}

#[tokio::test]
async fn projects_can_be_listed_with_either_credential() {
    let (service, account) = start().await;
    let record = create(&service, &account.session, PRODUCTION_SERVER).await;
    let key = Credential(format!("Bearer {}", text(&record, "key")));
    let empty = json!({"data": [], "next_cursor": null});
    assert_eq!(service.get("/v1/projects", &key).await.expect(200), empty);
    assert_eq!(service.get("/v1/projects", &account.session).await.expect(200), empty);
}

#[tokio::test]
async fn created_key_has_the_documented_fields() {
    let (service, account) = start().await;
    let record = create(&service, &account.session, PRODUCTION_SERVER).await;
    let (id, key) = (text(&record, "id"), text(&record, "key"));
    assert!(id.starts_with("key_") && key.starts_with("mt_live_"), "{record}");
    let expected = json!({
        "id": id,
        "name": "Production Server",
        "type": "live",
        "permissions": ["read", "write"],
        "scope": null,
        "allowed_ips": null,
        "hint": format!("mt_live_…{}", &key[key.len() - 4..]),
        "status": "active",
        "created_at": "2026-01-30T00:00:00Z",
        "created_by": account.user_id,
        "expires_at": null,
        "last_used_at": null,
        "last_used_ip": null,
        "previous_secret": null,
        "key": key,
    });
    assert_eq!(record, expected);
}

#[tokio::test]
async fn scoped_key_reaches_only_its_projects() {
    let (service, account) = start().await;
    let record = create(&service, &account.session, STUDY_A_SERVER).await;
    assert_eq!(record["scope"], json!({"projects": ["proj_abc123", "proj_def456"]}));
    // The key may read the projects in its scope, although neither of them exists.
    service.get("/v1/projects/proj_abc123", &key(&record)).await.assert_not_found();
    service.get("/v1/projects/proj_def456", &key(&record)).await.assert_not_found();
    service.get("/v1/projects/proj_ghi789", &key(&record)).await.assert_forbidden();
}

#[tokio::test]
async fn keys_can_be_listed_and_revoked() {
    let (service, account) = start().await;
    let record = create(&service, &account.session, PRODUCTION_SERVER).await;
    let shown = crate::response::without(&record, "key");
    let page = service.get("/v1/api-keys", &account.session).await.expect(200);
    assert_eq!(page, json!({"data": [shown], "next_cursor": null}));
    let path = format!("/v1/api-keys/{}", text(&record, "id"));
    service.delete(&path, &account.session).await.expect(204);
    service.get("/v1/projects", &key(&record)).await.assert_unauthorized();
}

#[tokio::test]
async fn key_can_be_rotated_with_and_without_a_body() {
    let (service, account) = start().await;
    let record = create(&service, &account.session, PRODUCTION_SERVER).await;
    let path = format!("/v1/api-keys/{}/rotate", text(&record, "id"));

    let without = service.request("POST", &path).with(&account.session).send().await.expect(200);
    assert_eq!(without["previous_expires_at"], "2026-01-31T00:00:00Z");
    service.get("/v1/projects", &key(&record)).await.expect(200);
    service.get("/v1/projects", &key(&without)).await.expect(200);

    let with = post(&service, &path, &account.session, r#"{"grace_period": 3600}"#).await.expect(200);
    assert_eq!(with["previous_expires_at"], "2026-01-30T01:00:00Z");
    assert_eq!(with["id"], record["id"]);
    service.get("/v1/projects", &key(&record)).await.assert_unauthorized();
    service.get("/v1/projects", &key(&without)).await.expect(200);
    service.get("/v1/projects", &key(&with)).await.expect(200);
}

#[tokio::test]
async fn missing_invalid_or_expired_credential_returns_401() {
    let (service, account) = start().await;
    service.request("GET", "/v1/projects").send().await.assert_unauthorized();
    let invalid = Credential::bearer("mt_live_invalid");
    service.get("/v1/projects", &invalid).await.assert_unauthorized();
    let limits = json!({"expires_at": service.time.in_seconds(60)});
    let (expired, _) = service.key(&account.session, limits).await;
    service.time.pass(60);
    service.get("/v1/projects", &expired).await.assert_unauthorized();
}

#[tokio::test]
async fn missing_permission_wrong_scope_or_suspended_account_returns_403() {
    let (service, account) = start().await;
    let record = create(&service, &account.session, STUDY_A_SERVER).await;
    let lacks_delete = key(&record);
    service.delete("/v1/projects/proj_abc123", &lacks_delete).await.assert_forbidden();
    service.get("/v1/projects/proj_of_another_study", &lacks_delete).await.assert_forbidden();
    service.suspend(&account).await;
    service.get("/v1/projects", &lacks_delete).await.assert_forbidden();
    service.get("/v1/projects", &account.session).await.assert_unauthorized();
}

#[tokio::test]
async fn key_can_be_replaced_manually() {
    let (service, account) = start().await;
    let old = create(&service, &account.session, PRODUCTION_SERVER).await;
    // The documented steps: create a new key, switch to it, verify that it works, revoke the old key.
    let new = create(&service, &account.session, PRODUCTION_SERVER).await;
    assert_ne!(old["id"], new["id"]);
    service.get("/v1/projects", &key(&new)).await.expect(200);
    service.get("/v1/projects", &key(&old)).await.expect(200);
    let path = format!("/v1/api-keys/{}", text(&old, "id"));
    service.delete(&path, &account.session).await.expect(204);
    service.get("/v1/projects", &key(&old)).await.assert_unauthorized();
    service.get("/v1/projects", &key(&new)).await.expect(200);
    assert_eq!(service.ids("/v1/api-keys", &account.session, 50).await, [text(&new, "id")]);
}
