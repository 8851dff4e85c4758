//! `GET /v1/auth/me`.

use serde_json::json;

use crate::service::{OwnService, Service};

#[tokio::test]
async fn with_session_returns_its_member() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let me = service.me(&account.session).await.expect(200);
    let expected = json!({
        "type": "session",
        "account_id": account.id,
        "user_id": account.user_id,
        "email": account.email,
        "permissions": ["read", "write", "delete", "admin"],
        "expires_at": "2026-01-30T12:00:00Z",
        "authenticated_at": "2026-01-30T00:00:00Z",
        "factors": ["password"],
    });
    assert_eq!(me, expected);
}

#[tokio::test]
async fn with_unrestricted_key_returns_null_scope_and_expiry() {
    let service = Service::start().await;
    let account = service.account().await;
    let fields = json!({"name": "Schlüssel 🗝", "permissions": ["admin", "read"]});
    let (key, record) = service.key(&account.session, fields).await;
    let me = service.me(&key).await.expect(200);
    let expected = json!({
        "type": "api_key",
        "account_id": account.id,
        "key_id": record["id"],
        "name": "Schlüssel 🗝",
        "key_type": "live",
        "permissions": ["read", "admin"],
        "scope": null,
        "expires_at": null,
        "secret": "current",
    });
    assert_eq!(me, expected);
}

#[tokio::test]
async fn with_restricted_key_returns_its_scope_and_expiry() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let limits = json!({
        "permissions": ["delete"],
        "type": "test",
        "scope": {"projects": ["proj_b", "proj_a"]},
        "expires_at": "2026-02-01T01:00:00+01:00",
    });
    let (key, record) = service.key(&account.session, limits).await;
    let me = service.me(&key).await.expect(200);
    let expected = json!({
        "type": "api_key",
        "account_id": account.id,
        "key_id": record["id"],
        "name": "A key",
        "key_type": "test",
        "permissions": ["delete"],
        "scope": {"projects": ["proj_b", "proj_a"]},
        "expires_at": "2026-02-01T00:00:00Z",
        "secret": "current",
    });
    assert_eq!(me, expected);
}

#[tokio::test]
async fn with_previous_secret_reports_the_secret_as_previous() {
    let service = Service::start().await;
    let account = service.account().await;
    let (old, record) = service.key(&account.session, json!({})).await;
    let (new, _) = service.rotate(&record, &account.session, 60).await;
    let mut me = service.me(&old).await.expect(200);
    assert_eq!(me["secret"], "previous");
    me["secret"] = json!("current");
    assert_eq!(service.me(&new).await.expect(200), me);
}

#[tokio::test]
async fn without_credential_returns_401() {
    let service = Service::start().await;
    service.request("GET", "/v1/auth/me").send().await.assert_unauthorized();
}
