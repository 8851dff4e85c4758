//! `POST /v1/auth/password`.

use serde_json::json;

use crate::{
    response::Response,
    service::{Account, Credential, PASSWORD, Service, new_address},
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
    for common in [
        "passwordpassword",
        "123456789012345",
        "aaaaaaaaaaaaaaaaaaaa",
        "qwertyuiopasdfg",
        "thisismypassword",
        "correcthorsebatterystaple",
        "Correct Horse Battery Staple 2026!",
    ] {
        let response = change(&service, &account.session, PASSWORD, common).await;
        response.assert_bad_field("new_password");
        assert!(!response.text.contains(common), "{}", response.text);
        let message = "`new_password` is too common or too easily guessed. Choose another one, such as four random words";
        assert_eq!(response.body["error"]["message"], message);
    }
    assert_eq!(login(&service, &account, PASSWORD).await, 200);
}

#[tokio::test]
async fn new_password_from_the_address_or_the_account_name_returns_400() {
    let service = Service::start().await;
    let unique = new_address().replace(['@', '.'], "");
    let email = format!("grace.hopper@{unique}.example");
    let name = "Neurology Würzburg";
    let command = json!({"create_account": {"name": name, "email": email, "password": PASSWORD}});
    service.operate(command).await.expect("the account is created");
    let session = service.login(&email).await;
    for personal in [
        &email,
        &email.to_uppercase(),
        "grace.hopper1906",
        "Gr4ce-H0pper 12/9",
        "neurologywurzburg",
        "Würzburg Neurology 2026!",
        "grace@würzburg26",
    ] {
        let response = change(&service, &session, PASSWORD, personal).await;
        response.assert_bad_field("new_password");
        let message =
            "`new_password` is too similar to the email address or the name of the account. Leave these out";
        assert_eq!(response.body["error"]["message"], message, "{personal}");
    }
    // Another member may use the words of this one, and this one may use them in a longer password.
    let other = service.account().await;
    change(&service, &other.session, PASSWORD, "Würzburg Neurology 2026 dozes").await.expect(204);
    change(&service, &session, PASSWORD, "grace sells marmalade to badgers").await.expect(204);
}

#[tokio::test]
async fn current_password_as_the_new_one_returns_400() {
    let service = Service::start().await;
    let account = service.account().await;
    let other = service.login(&account.email).await;
    let response = change(&service, &account.session, PASSWORD, PASSWORD).await;
    response.assert_bad_field("new_password");
    let message = "`new_password` is the current password. Choose another one";
    assert_eq!(response.body["error"]["message"], message);
    // The request had no effect: the other session has not ended.
    service.me(&other).await.expect(200);
    // The same characters are the same password in each form of Unicode.
    change(&service, &account.session, PASSWORD, "a lizard on the B\u{e4}r wall").await.expect(204);
    change(&service, &account.session, "a lizard on the B\u{e4}r wall", "a lizard on the Ba\u{308}r wall")
        .await
        .assert_bad_field("new_password");
}

#[tokio::test]
async fn rejected_new_password_does_not_reveal_the_current_one_and_does_not_count_as_a_failure() {
    let service = Service::start().await;
    let account = service.account().await;
    // A wrong current password gets the same response whether or not the new one is acceptable.
    let too_long = "x".repeat(129);
    for new in [NEW, "passwordpassword", "another lizard here", PASSWORD, "", "too short", &too_long] {
        let response = change(&service, &account.session, "another lizard here", new).await;
        assert_eq!(response.status, 403, "{new}: {}", response.text);
        change(&service, &account.session, PASSWORD, PASSWORD).await.assert_bad_field("new_password");
    }
    // These attempts had the correct current password, so they neither failed nor are throttled.
    for _ in 0..8 {
        change(&service, &account.session, PASSWORD, PASSWORD).await.assert_bad_field("new_password");
        change(&service, &account.session, PASSWORD, "thisismypassword")
            .await
            .assert_bad_field("new_password");
        change(&service, &account.session, PASSWORD, "too short").await.assert_bad_field("new_password");
    }
    change(&service, &account.session, PASSWORD, NEW).await.expect(204);
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
