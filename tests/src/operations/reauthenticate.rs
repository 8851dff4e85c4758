//! `POST /v1/auth/reauthenticate`.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::{
    authenticator::Authenticator,
    dynamodb::Fault,
    operations::login_throttling::set_failures,
    response::{Response, text},
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

/// The body of a request that authenticates again with a passkey.
async fn assertion(service: &Service, session: &Credential, authenticator: &mut Authenticator) -> Value {
    let options = service.post("/v1/auth/reauthenticate/options", session, json!({})).await.expect(200);
    json!({"credential": authenticator.authenticate(&options)})
}

async fn send(service: &Service, session: &Credential, body: &Value) -> Response {
    service.post("/v1/auth/reauthenticate", session, body.clone()).await
}

#[tokio::test]
async fn passkey_moves_the_time_of_the_authentication_and_is_a_factor_of_the_session() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (mut authenticator, passkey) = service.add_passkey(&account.session).await;
    let pending = service.second_factor(&account.email).await;
    let login = json!({"login_token": pending["login_token"], "recovery_code": passkey["recovery_codes"][0]});
    let login = service.request("POST", "/v1/auth/login/second-factor").json(&login).send().await.expect(200);
    let session = Credential::session(text(&login, "session_token"));
    service.time.pass(20 * 60);
    let body = assertion(&service, &session, &mut authenticator).await;
    send(&service, &session, &body).await.expect(204);
    let me = service.me(&session).await.expect(200);
    assert_eq!(me["authenticated_at"], service.time.in_seconds(0));
    assert_eq!(me["factors"], json!(["password", "passkey", "recovery_code"]));
    // The options work once.
    send(&service, &session, &body).await.assert_bad_field("credential");
}

#[tokio::test]
async fn right_password_of_a_member_with_a_passkey_returns_403_and_does_not_count() {
    let service = OwnService::start().await;
    let account = service.account().await;
    service.add_passkey(&account.session).await;
    service.time.pass(20 * 60);
    let before = authenticated_at(&service, &account.session).await;
    for _ in 0..7 {
        reauthenticate(&service, &account.session, PASSWORD).await.assert_forbidden();
    }
    assert_eq!(authenticated_at(&service, &account.session).await, before);
}

#[tokio::test]
async fn passkey_leaves_a_disabled_password_disabled() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (mut authenticator, _) = service.add_passkey(&account.session).await;
    let login = async |password| {
        let body = json!({"email": account.email, "password": password});
        service.request("POST", "/v1/auth/login").json(&body).send().await
    };
    login("wrong").await.expect(401);
    set_failures(&service, &account, 100).await;
    let body = assertion(&service, &account.session, &mut authenticator).await;
    send(&service, &account.session, &body).await.expect(204);
    login(PASSWORD).await.expect(401);
}

#[tokio::test]
async fn rejected_passkey_returns_403_and_counts_as_a_failed_login() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (mut authenticator, _) = service.add_passkey(&account.session).await;
    authenticator.verifies_user = false;
    for _ in 0..5 {
        let body = assertion(&service, &account.session, &mut authenticator).await;
        send(&service, &account.session, &body).await.assert_forbidden();
    }
    let event = newest_event(&service, &account).await;
    assert_eq!((text(&event, "type"), text(&event, "factor")), ("second_factor.refused", "passkey"));
    authenticator.verifies_user = true;
    let body = assertion(&service, &account.session, &mut authenticator).await;
    send(&service, &account.session, &body).await.assert_error(429, "RATE_LIMITED");
    service.time.pass(30);
    send(&service, &account.session, &body).await.expect(204);
}

#[tokio::test]
async fn rejected_passkey_with_used_or_unknown_options_returns_403_and_counts_as_a_failed_login() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (mut authenticator, _) = service.add_passkey(&account.session).await;
    let mut options =
        service.post("/v1/auth/reauthenticate/options", &account.session, json!({})).await.expect(200);
    let right = json!({"credential": authenticator.authenticate(&options)});
    send(&service, &account.session, &right).await.expect(204);
    authenticator.verifies_user = false;
    let used = json!({"credential": authenticator.authenticate(&options)});
    options["publicKey"]["challenge"] = json!("A".repeat(43));
    let unknown = json!({"credential": authenticator.authenticate(&options)});
    for body in [&used, &unknown, &used, &unknown, &used] {
        send(&service, &account.session, body).await.assert_forbidden();
    }
    let path = "/v1/audit-events?type=second_factor.refused";
    assert_eq!(service.ids(path, &account.session, 100).await.len(), 5);
    send(&service, &account.session, &used).await.assert_error(429, "RATE_LIMITED");
}

#[tokio::test]
async fn options_of_a_rejected_passkey_are_used_up_although_its_event_cannot_be_stored() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let (mut authenticator, _) = service.add_passkey(&account.session).await;
    let options =
        service.post("/v1/auth/reauthenticate/options", &account.session, json!({})).await.expect(200);
    let right = json!({"credential": authenticator.authenticate(&options)});
    authenticator.verifies_user = false;
    let wrong = json!({"credential": authenticator.authenticate(&options)});
    // The first transaction reserves the attempt, and the second one uses the options up. The SDK makes three attempts at the third.
    let fault = Fault::Error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError");
    dynamodb.inject_at(fault, Some("TransactWriteItems"), 2..5);
    send(&service, &account.session, &wrong).await.assert_error(503, "UNAVAILABLE");
    dynamodb.recover();
    send(&service, &account.session, &right).await.assert_bad_field("credential");
}

#[tokio::test]
async fn passkey_or_options_of_another_member_or_ceremony_are_rejected() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (member, _) = service.member(&account.session, &["read"]).await;
    let (mut own, _) = service.add_passkey(&account.session).await;
    let (mut other, _) = service.add_passkey(&member).await;
    let body = assertion(&service, &account.session, &mut other).await;
    send(&service, &account.session, &body).await.assert_forbidden();
    let mut names_other = Authenticator { user_handle: other.user_handle, ..own.clone() };
    let body = assertion(&service, &account.session, &mut names_other).await;
    send(&service, &account.session, &body).await.assert_forbidden();
    let body = assertion(&service, &member, &mut own).await;
    send(&service, &account.session, &body).await.assert_bad_field("credential");
    let body = service.passkey_login(&mut own).await;
    send(&service, &account.session, &body).await.assert_bad_field("credential");
}

#[tokio::test]
async fn challenge_of_a_registration_does_not_reauthenticate_and_vice_versa() {
    let service = OwnService::start().await;
    let session = service.account().await.session;
    let (mut authenticator, _) = service.add_passkey(&session).await;
    let mut registration = service.post("/v1/auth/passkeys/options", &session, json!({})).await.expect(200);
    let mut options = service.post("/v1/auth/reauthenticate/options", &session, json!({})).await.expect(200);
    // Each challenge with the other options.
    let challenge = registration["publicKey"]["challenge"].take();
    registration["publicKey"]["challenge"] = options["publicKey"]["challenge"].take();
    options["publicKey"]["challenge"] = challenge;
    let body = json!({"credential": authenticator.authenticate(&options)});
    send(&service, &session, &body).await.assert_bad_field("credential");
    let credential = Authenticator::new(&service.origin()).register(&registration);
    let body = json!({"name": "A passkey", "credential": credential});
    let added = service.post("/v1/auth/passkeys", &session, body).await;
    added.assert_bad_field("credential");
    assert!(added.text.contains("options that were used or have expired"), "{}", added.text);
    assert_eq!(service.ids("/v1/auth/passkeys", &session, 50).await.len(), 1);
}

#[tokio::test]
async fn member_without_a_passkey_gets_no_options() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let options = service.post("/v1/auth/reauthenticate/options", &account.session, json!({})).await;
    options.assert_error(409, "CONFLICT");
}
