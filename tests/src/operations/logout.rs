//! `POST /v1/auth/logout`.

use serde_json::json;

use crate::{
    response::Response,
    service::{Credential, Service},
};

/// Logs out without a request body, like the documented example.
async fn logout(service: &Service, credential: &Credential) -> Response {
    service.request("POST", "/v1/auth/logout").with(credential).send().await
}

#[tokio::test]
async fn session_is_invalid_afterwards() {
    let service = Service::start().await;
    let account = service.account().await;
    logout(&service, &account.session).await.expect(204);
    for path in ["/v1/auth/me", "/v1/auth/sessions", "/v1/projects", "/v1/api-keys", "/v1/members"] {
        service.get(path, &account.session).await.assert_unauthorized();
    }
}

#[tokio::test]
async fn repeated_logout_returns_401() {
    let service = Service::start().await;
    let account = service.account().await;
    logout(&service, &account.session).await.expect(204);
    logout(&service, &account.session).await.assert_unauthorized();
}

#[tokio::test]
async fn other_sessions_of_the_member_stay_valid() {
    let service = Service::start().await;
    let account = service.account().await;
    let other = service.login(&account.email).await;
    logout(&service, &account.session).await.expect(204);
    service.me(&other).await.expect(200);
}

#[tokio::test]
async fn without_credential_returns_401() {
    let service = Service::start().await;
    service.request("POST", "/v1/auth/logout").send().await.assert_unauthorized();
}

#[tokio::test]
async fn with_api_key_returns_403_and_ends_no_session() {
    let service = Service::start().await;
    let account = service.account().await;
    let (key, _) = service.key(&account.session, json!({})).await;
    logout(&service, &key).await.assert_forbidden();
    service.me(&key).await.expect(200);
    service.me(&account.session).await.expect(200);
}
