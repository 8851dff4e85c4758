//! `POST /v1/auth/reauthenticate`.

use serde_json::{Value, json};

use crate::{
    response::Response,
    service::{Account, Credential, OwnService, PASSWORD, Service},
};

async fn reauthenticate(service: &Service, credential: &Credential, password: &str) -> Response {
    service.post("/v1/auth/reauthenticate", credential, json!({"password": password})).await
}

async fn authenticated_at(service: &Service, credential: &Credential) -> Value {
    service.me(credential).await.expect(200)["authenticated_at"].take()
}

/// Returns the type of the newest audit event.
async fn newest_event(service: &Service, account: &Account) -> Value {
    let events = service.get("/v1/audit-events?limit=1", &account.session).await.expect(200);
    events["data"][0].clone()
}

#[tokio::test]
async fn right_password_moves_the_time_of_the_authentication_of_this_session_alone() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let other = service.login(&account.email).await;
    let at_login = service.time.in_seconds(0);
    service.time.pass(20 * 60);
    reauthenticate(&service, &account.session, PASSWORD).await.expect(204);
    assert_eq!(authenticated_at(&service, &account.session).await, service.time.in_seconds(0));
    assert_eq!(authenticated_at(&service, &other).await, at_login);
    // The session does not last longer.
    let me = service.me(&account.session).await.expect(200);
    assert_eq!(me["expires_at"], service.time.in_seconds(12 * 60 * 60 - 20 * 60));
}

#[tokio::test]
async fn wrong_password_returns_the_fixed_403_and_is_recorded() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let at_login = authenticated_at(&service, &account.session).await;
    service.time.pass(60);
    for wrong in ["", "another lizard here", &"x".repeat(129)] {
        reauthenticate(&service, &account.session, wrong).await.assert_forbidden();
    }
    assert_eq!(authenticated_at(&service, &account.session).await, at_login);
    let event = newest_event(&service, &account).await;
    assert_eq!((&event["type"], &event["user_id"]), (&json!("password.refused"), &json!(account.user_id)));
}

#[tokio::test]
async fn with_api_key_returns_403_and_without_credential_401() {
    let service = Service::start().await;
    let account = service.account().await;
    let (key, _) = service.key(&account.session, json!({})).await;
    reauthenticate(&service, &key, PASSWORD).await.assert_forbidden();
    let body = json!({"password": PASSWORD});
    service.request("POST", "/v1/auth/reauthenticate").json(&body).send().await.assert_unauthorized();
}

#[tokio::test]
async fn password_of_another_member_returns_403() {
    let service = Service::start().await;
    let account = service.account().await;
    let (member, _) = service.member(&account.session, &["read"]).await;
    let body = json!({"current_password": PASSWORD, "new_password": "two lizards on the wall"});
    service.post("/v1/auth/password", &member, body).await.expect(204);
    reauthenticate(&service, &member, PASSWORD).await.assert_forbidden();
    reauthenticate(&service, &account.session, PASSWORD).await.expect(204);
}
