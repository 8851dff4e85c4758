//! `POST /v1/auth/login`.

use serde_json::json;
use tracing_subscriber::filter::LevelFilter;

use crate::{
    deployment::logs::CapturedLog,
    operations::login_throttling::set_failures,
    response::Response,
    service::{Credential, OwnService, PASSWORD, Service, new_address},
};

async fn attempt(service: &Service, email: &str, password: &str) -> Response {
    let body = json!({"email": email, "password": password});
    service.request("POST", "/v1/auth/login").json(&body).send().await
}

/// Panics unless this is the 401 that every failed login returns.
#[track_caller]
fn assert_wrong_login(response: &Response) {
    assert_eq!(response.status, 401, "{}", response.text);
    let body = r#"{"error": {"code": "UNAUTHORIZED", "message": "Invalid email or password"}}"#;
    assert_eq!(response.text, body);
}

#[track_caller]
fn assert_suspended(response: &Response) {
    assert_eq!(response.status, 403, "{}", response.text);
    assert_eq!(response.text, r#"{"error": {"code": "FORBIDDEN", "message": "Account suspended"}}"#);
}

/// The log message before each Argon2 run.
const HASH_STARTED: &str = "an Argon2 run begins";

#[tokio::test]
async fn correct_password_returns_200() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let body = attempt(&service, &account.email, PASSWORD).await.expect(200);
    let token = body["session_token"].as_str().expect("a token");
    assert_eq!(body, json!({"session_token": token, "expires_at": "2026-01-30T12:00:00Z"}));
    let digits = token.strip_prefix("sess_").expect("a session token");
    assert_eq!((digits.len(), digits.bytes().all(|b| b.is_ascii_alphanumeric())), (86, true), "{token}");
    service.me(&Credential::session(token)).await.expect(200);
}

#[tokio::test]
async fn ten_year_old_password_returns_200() {
    let service = OwnService::start().await;
    let account = service.account().await;
    service.time.pass(10 * 365 * 24 * 60 * 60);
    attempt(&service, &account.email, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn wrong_password_returns_401() {
    let service = Service::start().await;
    let account = service.account().await;
    for password in ["", "a lizard on the 8th wall", &PASSWORD.to_uppercase(), &format!("{PASSWORD} ")] {
        assert_wrong_login(&attempt(&service, &account.email, password).await);
    }
}

#[tokio::test]
async fn unknown_address_returns_the_same_401() {
    let service = Service::start().await;
    let taken = service.account().await.email;
    // The last address contains a Kelvin sign, whose lower case is `k`.
    for email in ["nobody@example.com", "", "nobody", "@", &format!("{taken} "), "\u{212a}@example.com"] {
        assert_wrong_login(&attempt(&service, email, PASSWORD).await);
    }
}

#[tokio::test]
async fn removed_member_returns_the_same_401() {
    let service = Service::start().await;
    let account = service.account().await;
    let email = new_address();
    let (_, member) = service.member_with_email(&account.session, &email, &["read"]).await;
    attempt(&service, &email, PASSWORD).await.expect(200);
    let path = format!("/v1/members/{member}");
    service.delete(&path, &account.session).await.expect(204);
    assert_wrong_login(&attempt(&service, &email, PASSWORD).await);
}

#[tokio::test]
async fn suspended_account_returns_403_only_after_the_correct_password() {
    let service = Service::start().await;
    let account = service.account().await;
    service.suspend(&account).await;
    assert_suspended(&attempt(&service, &account.email, PASSWORD).await);
    assert_wrong_login(&attempt(&service, &account.email, "a lizard on the 8th wall").await);
    service.restore(&account).await;
    attempt(&service, &account.email, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn suspended_member_returns_403_only_after_the_correct_password() {
    let service = Service::start().await;
    let account = service.account().await;
    let email = new_address();
    let (_, member) = service.member_with_email(&account.session, &email, &["read"]).await;
    let path = format!("/v1/members/{member}");
    service.patch(&path, &account.session, json!({"status": "suspended"})).await.expect(200);
    assert_suspended(&attempt(&service, &email, PASSWORD).await);
    assert_wrong_login(&attempt(&service, &email, "a lizard on the 8th wall").await);
    service.patch(&path, &account.session, json!({"status": "active"})).await.expect(200);
    attempt(&service, &email, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn address_is_case_insensitive() {
    let service = Service::start().await;
    let account = service.account().await;
    attempt(&service, &account.email.to_uppercase(), PASSWORD).await.expect(200);
    let mixed = account.email.replace("example", "exAMPle");
    attempt(&service, &mixed, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn composed_and_decomposed_password_are_the_same() {
    let service = Service::start().await;
    let email = new_address();
    let command = json!({"name": "Study", "email": email, "password": "a lizard on the B\u{e4}r wall"});
    service.operate(json!({"create_account": command})).await.expect("the account is created");
    attempt(&service, &email, "a lizard on the B\u{e4}r wall").await.expect(200);
    attempt(&service, &email, "a lizard on the Ba\u{308}r wall").await.expect(200);
    assert_wrong_login(&attempt(&service, &email, "a lizard on the Bar wall").await);
}

#[tokio::test]
async fn too_long_password_returns_the_same_401() {
    let service = Service::start().await;
    let account = service.account().await;
    for length in [129, 10_000] {
        assert_wrong_login(&attempt(&service, &account.email, &"x".repeat(length)).await);
    }
}

#[tokio::test]
async fn each_login_creates_a_new_session() {
    let service = Service::start().await;
    let account = service.account().await;
    let other = service.login(&account.email).await;
    assert_ne!(account.session, other);
    service.post("/v1/auth/logout", &other, json!({})).await.expect(204);
    service.me(&account.session).await.expect(200);
}

#[tokio::test]
async fn authorization_header_is_ignored() {
    let service = Service::start().await;
    let account = service.account().await;
    let body = json!({"email": account.email, "password": PASSWORD});
    let request = service.request("POST", "/v1/auth/login").header("Authorization", "Bearer nonsense");
    request.json(&body).send().await.expect(200);
}

#[tokio::test]
async fn missing_field_returns_400() {
    let service = Service::start().await;
    let attempt = async |body| service.request("POST", "/v1/auth/login").json(&body).send().await;
    attempt(json!({"password": PASSWORD})).await.assert_bad_field("email");
    attempt(json!({"email": "user@example.com"})).await.assert_bad_field("password");
}

#[tokio::test]
async fn session_expires_after_exactly_12_hours() {
    let service = OwnService::start().await;
    let account = service.account().await;
    // The session is used at least once an hour, so it does not expire for lack of use.
    for _ in 0..12 {
        service.time.pass(3_599);
        service.me(&account.session).await.expect(200);
    }
    service.time.pass(11);
    service.me(&account.session).await.expect(200);
    service.time.pass(1);
    service.me(&account.session).await.assert_unauthorized();
}

#[tokio::test]
async fn every_failure_makes_the_same_calls_and_hashes_once() {
    let log = CapturedLog::start(LevelFilter::DEBUG);
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let [account, suspended, disabled] =
        [service.account().await, service.account().await, service.account().await];
    let (_, removed_id) = service.member(&account.session, &["read"]).await;
    let members = service.get("/v1/members", &account.session).await.expect(200);
    let removed = members["data"][0]["email"].as_str().expect("an address").to_owned();
    service.delete(&format!("/v1/members/{removed_id}"), &account.session).await.expect(204);
    service.suspend(&suspended).await;
    set_failures(&service, &disabled, 100).await;
    let wrong = "another lizard on the wall";
    for (case, email, password) in [
        ("a wrong password", account.email.as_str(), wrong),
        ("a password that is too long", &account.email, &"x".repeat(10_000)),
        ("an unknown address", "nobody@example.com", wrong),
        ("a malformed address", "no address", wrong),
        ("a removed member", &removed, PASSWORD),
        ("a suspended account", &suspended.email, wrong),
        ("a wrong password where the password is disabled", &disabled.email, wrong),
        ("the correct password where the password is disabled", &disabled.email, PASSWORD),
    ] {
        dynamodb.calls();
        log.take_records();
        assert_wrong_login(&attempt(&service, email, password).await);
        let calls =
            ["BatchGetItem", "BatchGetItem", "UpdateItem", "TransactWriteItems", "TransactWriteItems"];
        assert_eq!(dynamodb.calls(), calls, "{case}");
        let records = log.take_records();
        let hashes = records.iter().filter(|record| record["message"] == HASH_STARTED).count();
        assert_eq!(hashes, 1, "{case}: {records:?}");
    }
}

#[tokio::test]
async fn lookalike_address_returns_the_same_401() {
    let service = OwnService::start().await;
    service.account_with_email("mikesfi@example.com".to_owned()).await;
    service.login("MIKESFI@EXAMPLE.COM").await;
    for email in [
        // Characters whose upper case, lower case or compatibility form is ASCII: a dotless i, a dotted I, a Kelvin sign,
        // a long s, a ligature, full-width characters and an ideographic full stop.
        "m\u{131}kesfi@example.com",
        "m\u{130}kesfi@example.com",
        "mi\u{212a}esfi@example.com",
        "mike\u{17f}fi@example.com",
        "mikes\u{fb01}@example.com",
        "\u{ff4d}ikesfi@example.com",
        "mikesfi\u{ff20}example.com",
        "mikesfi@example\u{3002}com",
        // Letters of other alphabets, a combining mark and zero-width characters.
        "mik\u{435}sfi@example.com",
        "mikesfi@\u{435}xample.com",
        "mikesf\u{456}@example.com",
        "mi\u{301}kesfi@example.com",
        "mikesfi\u{200b}@example.com",
        "mikesfi@example.com\u{200e}",
        "\u{feff}mikesfi@example.com",
        // Additional characters and other forms of an address.
        "mikesfi@example.com.",
        "mikesfi@example.com\u{0}",
        "mikesfi@example.com\n",
        " mikesfi@example.com",
        "mikesfi@example.com,mikesfi@example.com",
        "\"mikesfi\"@example.com",
        "mikesfi+a@example.com",
        "mikesfi(a)@example.com",
        "Mike <mikesfi@example.com>",
        "mikesfi@xn--xample-2of.com",
    ] {
        assert_wrong_login(&attempt(&service, email, PASSWORD).await);
    }
}

#[tokio::test]
async fn password_that_matches_only_up_to_a_nul_returns_401() {
    let service = Service::start().await;
    let email = new_address();
    let command = json!({"name": "Study", "email": email, "password": "a lizard on the\u{0} 7th wall"});
    service.operate(json!({"create_account": command})).await.expect("the account is created");
    for password in ["a lizard on the", "a lizard on the\u{0}", "a lizard on the\u{0} 8th wall"] {
        assert_wrong_login(&attempt(&service, &email, password).await);
    }
    attempt(&service, &email, "a lizard on the\u{0} 7th wall").await.expect(200);
}

#[tokio::test]
async fn password_of_a_megabyte_returns_413_without_calls_or_hashing() {
    let log = CapturedLog::start(LevelFilter::DEBUG);
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    log.take_records();
    dynamodb.calls();
    for password in ["x".repeat(1 << 20), "\u{1d15e}".repeat(1 << 18)] {
        attempt(&service, &account.email, &password).await.assert_error(413, "PAYLOAD_TOO_LARGE");
    }
    assert_eq!(dynamodb.calls(), [""; 0]);
    let records = log.take_records();
    assert!(!records.iter().any(|record| record["message"] == HASH_STARTED), "{records:?}");
    // A password that is too long but fits into a body gets the same response as any wrong password.
    assert_wrong_login(&attempt(&service, &account.email, &"\u{1d15e}".repeat(4_000)).await);
}

#[tokio::test]
async fn session_has_a_ttl_equal_to_its_expiry() {
    let service = OwnService::start().await;
    service.account().await;
    let items = service.items().await;
    let is_session = |sk: &str| sk.starts_with("SESSION#");
    let item = items.iter().find(|item| item["sk"].as_s().is_ok_and(|sk| is_session(sk)));
    let item = item.expect("a session");
    let expires_at: shared::primitives::timestamp::Timestamp =
        item["expires_at"].as_s().expect("a text").parse().expect("a time");
    assert_eq!(item["ttl"].as_n(), Ok(&expires_at.unix_seconds().to_string()));
}
