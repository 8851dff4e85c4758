//! `POST /v1/auth/password`.

use serde_json::json;

use crate::{
    response::Response,
    service::{Account, Credential, PASSWORD, Service},
};

const NEW: &str = "a gecko under the 3rd lamp";

async fn change(service: &Service, credential: &Credential, current: &str, new: &str) -> Response {
    let body = json!({"current_password": current, "new_password": new});
    service.post("/v1/auth/password", credential, body).await
}

/// The status of a login with `password`.
async fn login(service: &Service, account: &Account, password: &str) -> u16 {
    let body = json!({"email": account.email, "password": password});
    service.request("POST", "/v1/auth/login").json(&body).send().await.status
}

#[tokio::test]
async fn new_password_replaces_the_old_one() {
    let service = Service::start().await;
    let account = service.account().await;
    change(&service, &account.session, PASSWORD, NEW).await.expect(204);
    assert_eq!(login(&service, &account, NEW).await, 200);
    assert_eq!(login(&service, &account, PASSWORD).await, 401);
    change(&service, &account.session, PASSWORD, NEW).await.assert_error(403, "FORBIDDEN");
}

#[tokio::test]
async fn change_ends_all_other_sessions_of_the_member() {
    let service = Service::start().await;
    let account = service.account().await;
    let others = [service.login(&account.email).await, service.login(&account.email).await];
    let (colleague, _) = service.member(&account.session, &["read"]).await;
    change(&service, &account.session, PASSWORD, NEW).await.expect(204);
    for other in &others {
        service.me(other).await.assert_unauthorized();
    }
    service.me(&account.session).await.expect(200);
    service.me(&colleague).await.expect(200);
    // The session stays valid after a second change, too.
    change(&service, &account.session, NEW, PASSWORD).await.expect(204);
    service.me(&account.session).await.expect(200);
}

#[tokio::test]
async fn change_does_not_affect_keys() {
    let service = Service::start().await;
    let account = service.account().await;
    let (key, _) = service.key(&account.session, json!({})).await;
    change(&service, &account.session, PASSWORD, NEW).await.expect(204);
    service.me(&key).await.expect(200);
}

#[tokio::test]
async fn wrong_current_password_returns_403_and_changes_nothing() {
    let service = Service::start().await;
    let account = service.account().await;
    let other = service.login(&account.email).await;
    for current in ["", NEW, &"x".repeat(129)] {
        let response = change(&service, &account.session, current, NEW).await;
        assert_eq!(response.status, 403, "{}", response.text);
        let body = r#"{"error": {"code": "FORBIDDEN", "message": "Current password is wrong"}}"#;
        assert_eq!(response.text, body);
    }
    service.me(&other).await.expect(200);
    assert_eq!(login(&service, &account, PASSWORD).await, 200);
}

#[tokio::test]
async fn with_api_key_returns_403() {
    let service = Service::start().await;
    let account = service.account().await;
    let (key, _) = service.key(&account.session, json!({})).await;
    change(&service, &key, PASSWORD, NEW).await.assert_forbidden();
    assert_eq!(login(&service, &account, PASSWORD).await, 200);
}

#[tokio::test]
async fn without_credential_returns_401() {
    let service = Service::start().await;
    let body = json!({"current_password": PASSWORD, "new_password": NEW});
    service.request("POST", "/v1/auth/password").json(&body).send().await.assert_unauthorized();
}

#[tokio::test]
async fn new_password_must_have_15_to_128_characters() {
    let service = Service::start().await;
    let account = service.account().await;
    // The length is measured in characters, not bytes: most of these characters have two bytes.
    let of_length = |length: usize| "Ägßéłñøþ1ŷžőųķđ".chars().cycle().take(length).collect::<String>();
    for length in [0, 14, 129] {
        let response = change(&service, &account.session, PASSWORD, &of_length(length)).await;
        response.assert_bad_field("new_password");
    }
    change(&service, &account.session, PASSWORD, &of_length(15)).await.expect(204);
    change(&service, &account.session, &of_length(15), &of_length(128)).await.expect(204);
    assert_eq!(login(&service, &account, &of_length(128)).await, 200);
}

#[tokio::test]
async fn new_password_of_any_composition_returns_204() {
    let service = Service::start().await;
    let account = service.account().await;
    let mut current = PASSWORD;
    for new in [
        "lizardsunderthelamp",
        "GECKOSBEHINDTHEWALL",
        "83059174620318547",
        "~|`^<&%>;{=}*?:#!",
        "\u{1f98e}\u{1f33f}\u{1f4a1}\u{1f9f1}\u{1fa9f}\u{1f319}\u{2602}\u{1f511}\u{1f407}\u{1f344}\u{1f30a}\u{1f3af}\u{1f9ca}\u{1f525}\u{1f6f6}",
    ] {
        let response = change(&service, &account.session, current, new).await;
        assert_eq!(response.status, 204, "{new}: {}", response.text);
        current = new;
    }
    assert_eq!(login(&service, &account, current).await, 200);
}

#[tokio::test]
async fn common_new_password_returns_400() {
    let service = Service::start().await;
    let account = service.account().await;
    for common in ["passwordpassword", "123456789012345", "aaaaaaaaaaaaaaaaaaaa", "qwertyuiopasdfg"] {
        let response = change(&service, &account.session, PASSWORD, common).await;
        response.assert_bad_field("new_password");
        assert!(!response.text.contains(common), "{}", response.text);
    }
    assert_eq!(login(&service, &account, PASSWORD).await, 200);
}

#[tokio::test]
async fn new_password_is_normalized_to_nfc_and_otherwise_unchanged() {
    let service = Service::start().await;
    let account = service.account().await;
    let decomposed = "  Ba\u{308}r \t under 3rd lamp \u{1f98e} ";
    change(&service, &account.session, PASSWORD, decomposed).await.expect(204);
    assert_eq!(login(&service, &account, decomposed).await, 200);
    assert_eq!(login(&service, &account, "  B\u{e4}r \t under 3rd lamp \u{1f98e} ").await, 200);
    assert_eq!(login(&service, &account, decomposed.trim()).await, 401);
    // This password has fifteen characters, but fourteen after normalization.
    change(&service, &account.session, decomposed, "Ba\u{308}r lamp 7 wet")
        .await
        .assert_bad_field("new_password");
}
