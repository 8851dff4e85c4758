//! `/v1/auth/password-reset`: a forgotten password is reset with a token that is sent by mail.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tracing_subscriber::filter::LevelFilter;

use crate::{
    deployment::logs::CapturedLog,
    operations::login_throttling::set_failures,
    response::{Response, text},
    service::{Account, Credential, OwnService, PASSWORD, Service, new_address},
};

const NEW: &str = "a gecko under the 3rd lamp";
const LINK: &str = "Reset your MedTWIN password";

async fn request(service: &Service, email: &str) -> Response {
    service.request("POST", "/v1/auth/password-reset").json(&json!({"email": email})).send().await
}

async fn confirm(service: &Service, token: &str, new_password: &str) -> Response {
    let body = json!({"token": token, "new_password": new_password});
    service.request("POST", "/v1/auth/password-reset/confirm").json(&body).send().await
}

/// Asserts that a response is the fixed 401. It has no `WWW-Authenticate`, because API Gateway renames that header of a function.
#[track_caller]
fn assert_invalid_token(response: &Response) {
    response.assert_error(401, "UNAUTHORIZED");
    assert_eq!(response.body["error"]["message"], "Invalid or missing API key");
}

/// Returns true if a token is valid. The password is rejected, so the token is not used up.
async fn is_valid(service: &Service, token: &str) -> bool {
    let response = confirm(service, token, "short").await;
    if response.status == 401 {
        assert_invalid_token(&response);
        return false;
    }
    response.assert_error(400, "BAD_REQUEST");
    true
}

/// The status of a login with `password`.
async fn login(service: &Service, email: &str, password: &str) -> u16 {
    let body = json!({"email": email, "password": password});
    service.request("POST", "/v1/auth/login").json(&body).send().await.status
}

/// A token that the operator creates for the account's first member.
async fn issued_token(service: &Service, email: &str) -> String {
    let issued = service.operate(json!({"reset_password": {"email": email}})).await.expect("a token");
    text(&issued, "token").to_owned()
}

/// The token in the link of a mail.
fn token_of(mail: &Value) -> &str {
    assert_eq!(mail["subject"], LINK);
    let body = text(mail, "text");
    let link = body.lines().find(|line| line.contains("://")).expect("a link");
    link.split_once("/dashboard#/reset-password/").expect("the link leads to the dashboard").1
}

/// Chooses one of two requests for each of their calls: the second one if the bit of `order` is set.
fn by_bits(mut order: u32) -> impl FnMut(usize) -> usize {
    move |waiting| {
        let chosen = usize::from(order & 1 == 1).min(waiting - 1);
        order >>= 1;
        chosen
    }
}

/// A request for a token, as a function hands it over.
pub fn event(email: &str) -> Value {
    json!({"email": email, "context": {"at": "2026-01-30T12:00:00Z", "ip_address": null}})
}

/// The mails with a link, newest first.
fn links(mails: &[Value]) -> Vec<&Value> {
    mails.iter().filter(|mail| mail["subject"] == LINK).collect()
}

#[tokio::test]
async fn token_from_the_mail_replaces_the_password_and_ends_all_sessions_once() {
    let service = OwnService::start_with_mail().await;
    let account = service.account().await;
    let (key, _) = service.key(&account.session, json!({"permissions": ["read"]})).await;
    assert_eq!(request(&service, &account.email.to_uppercase()).await.expect(202), json!({}));
    let mails = service.mails(1).await;
    assert_eq!(mails[0]["to"], account.email);
    let port = service.url.rsplit_once(':').expect("a port").1;
    let body = text(&mails[0], "text");
    assert!(body.contains(&format!("http://localhost:{port}/dashboard#/reset-password/reset_")), "{body}");
    let token = token_of(&mails[0]).to_owned();

    confirm(&service, &token, NEW).await.expect(204);
    service.me(&account.session).await.assert_unauthorized();
    service.me(&key).await.expect(200);
    assert_eq!(login(&service, &account.email, PASSWORD).await, 401);
    assert_eq!(login(&service, &account.email, NEW).await, 200);
    let mails = service.mails(2).await;
    assert_eq!(
        (&mails[0]["to"], &mails[0]["subject"]),
        (&json!(account.email), &json!("Your MedTWIN password was reset"))
    );
    assert_invalid_token(&confirm(&service, &token, "two lizards on the wall").await);
    assert_eq!(login(&service, &account.email, NEW).await, 200);
}

#[tokio::test]
async fn request_returns_the_same_response_for_every_address() {
    let service = OwnService::start_with_mail().await;
    let account = service.account().await;
    let (_, removed) = service.member(&account.session, &["read"]).await;
    let member = service.get(&format!("/v1/members/{removed}"), &account.session).await.expect(200);
    service.delete(&format!("/v1/members/{removed}"), &account.session).await.expect(204);
    let suspended = service.account().await;
    service.suspend(&suspended).await;
    for email in [account.email.as_str(), &new_address(), text(&member, "email"), &suspended.email] {
        let response = request(&service, email).await;
        assert_eq!(response.header("cache-control"), Some("no-store"));
        assert_eq!(response.expect(202), json!({}));
    }
    // The other mail invited the member who was removed.
    let mails = service.mails(2).await;
    assert_eq!(mails.len(), 2, "{mails:?}");
    assert_eq!(
        (&mails[0]["to"], &mails[0]["subject"]),
        (&json!(account.email), &json!("Reset your MedTWIN password"))
    );
}

#[tokio::test]
async fn request_makes_the_same_calls_for_every_address() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    for email in [account.email.as_str(), &new_address()] {
        dynamodb.calls();
        request(&service, email).await.expect(202);
        assert_eq!(dynamodb.calls(), ["UpdateItem"], "{email}");
    }
}

#[tokio::test]
async fn request_without_mail_returns_202_and_creates_no_token() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let before = service.items().await.len();
    request(&service, &account.email).await.expect(202);
    // Only the number of requests of this source is new.
    assert_eq!(service.items().await.len(), before + 1);
}

#[tokio::test]
async fn earlier_token_stays_valid_after_a_later_request() {
    let service = OwnService::start_with_mail().await;
    let account = service.account().await;
    request(&service, &account.email).await.expect(202);
    assert_eq!(service.mails(1).await.len(), 1);
    request(&service, &account.email).await.expect(202);
    service.time.pass(590);
    request(&service, &account.email).await.expect(202);
    assert_eq!(service.mails(1).await.len(), 1);
    service.time.pass(20);
    request(&service, &account.email).await.expect(202);
    let mails = service.mails(2).await;
    let [second, first] = links(&mails)[..] else { panic!("{mails:?}") };
    assert!(is_valid(&service, token_of(first)).await && is_valid(&service, token_of(second)).await);
    confirm(&service, token_of(first), NEW).await.expect(204);
    assert_invalid_token(&confirm(&service, token_of(second), NEW).await);
    // After a use, the next token can be sent at once.
    request(&service, &account.email).await.expect(202);
    let mails = service.mails(4).await;
    assert_eq!(links(&mails).len(), 3);
}

#[tokio::test]
async fn using_one_token_ends_the_others() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let mut tokens = Vec::new();
    for _ in 0..3 {
        tokens.push(issued_token(&service, &account.email).await);
    }
    confirm(&service, &tokens[1], NEW).await.expect(204);
    for token in &tokens {
        assert_invalid_token(&confirm(&service, token, "two lizards on the wall").await);
    }
    assert_eq!(login(&service, &account.email, NEW).await, 200);
}

#[tokio::test]
async fn fifth_token_ends_the_first() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let mut tokens = Vec::new();
    for _ in 0..5 {
        tokens.push(issued_token(&service, &account.email).await);
    }
    assert!(!is_valid(&service, &tokens[0]).await);
    for token in &tokens[1..] {
        assert!(is_valid(&service, token).await);
    }
}

#[tokio::test]
async fn concurrent_requests_send_one_token() {
    let service = OwnService::start_with_mail().await;
    let account = service.account().await;
    let mut requests = JoinSet::new();
    for _ in 0..8 {
        let email = json!({"email": account.email});
        requests.spawn(service.request("POST", "/v1/auth/password-reset").json(&email).send());
    }
    for response in requests.join_all().await {
        response.expect(202);
    }
    assert_eq!(service.mails(1).await.len(), 1);
}

#[tokio::test]
async fn requests_beyond_100_from_one_source_in_an_hour_return_429() {
    let service = OwnService::start().await;
    for _ in 0..100 {
        request(&service, &new_address()).await.expect(202);
    }
    let response = request(&service, &new_address()).await;
    response.assert_error(429, "RATE_LIMITED");
    let seconds: i64 = response.header("retry-after").expect("a time").parse().expect("seconds");
    assert!((3_500..=3_600).contains(&seconds), "{seconds}");
    service.time.pass(seconds);
    request(&service, &new_address()).await.expect(202);
}

#[tokio::test]
async fn token_expires_after_30_minutes() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let token = issued_token(&service, &account.email).await;
    service.time.pass(30 * 60);
    assert_invalid_token(&confirm(&service, &token, NEW).await);
    let token = issued_token(&service, &account.email).await;
    service.time.pass(30 * 60 - 10);
    confirm(&service, &token, NEW).await.expect(204);
}

#[tokio::test]
async fn rejected_password_returns_400_and_does_not_use_the_token_up() {
    let service = Service::start().await;
    let account = service.account().await;
    let token = issued_token(&service, &account.email).await;
    for rejected in ["short", "correcthorsebatterystaple", &account.email, PASSWORD] {
        let response = confirm(&service, &token, rejected).await;
        response.assert_error(400, "BAD_REQUEST");
        assert_eq!(response.body["error"]["field"], "new_password", "{rejected}");
    }
    service.me(&account.session).await.expect(200);
    confirm(&service, &token, NEW).await.expect(204);
}

#[tokio::test]
async fn invalid_token_returns_the_fixed_401_whatever_the_password() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let other = service.account().await;
    let token = issued_token(&service, &account.email).await;
    let others = issued_token(&service, &other.email).await;
    let (key, _) = service.key(&account.session, json!({})).await;
    // The ids of one member with the secret of the other.
    let mixed = format!("{}{}", &token["reset_".len()..][..32], &others["reset_".len() + 32..]);
    let last = if token.ends_with('0') { '1' } else { '0' };
    for invalid in [
        "",
        "reset_",
        &format!("reset_{mixed}"),
        &format!("{}{last}", &token[..token.len() - 1]),
        &format!("{token}0"),
        &format!("Bearer {token}"),
        &token.replace("reset_", "sess_"),
        account.session.token(),
        key.token(),
    ] {
        for password in [NEW, "short"] {
            assert_invalid_token(&confirm(&service, invalid, password).await);
        }
    }
    // A token is not a credential.
    for scheme in ["Bearer", "Session"] {
        service.me(&Credential(format!("{scheme} {token}"))).await.assert_unauthorized();
    }
    confirm(&service, &token, NEW).await.expect(204);
    assert_eq!(login(&service, &other.email, PASSWORD).await, 200);
    confirm(&service, &others, NEW).await.expect(204);
}

#[tokio::test]
async fn whatever_ends_all_sessions_ends_the_token() {
    let service = OwnService::start().await;
    for change in ["password", "own sessions", "sessions", "suspended member", "suspended account", "removed"]
    {
        let account = service.account().await;
        let email = new_address();
        let (_, member) = service.member_with_email(&account.session, &email, &["read"]).await;
        let path = format!("/v1/members/{member}");
        let token = issued_token(&service, &email).await;
        match change {
            "password" => {
                let session = service.login(&email).await;
                let body = json!({"current_password": PASSWORD, "new_password": NEW});
                service.post("/v1/auth/password", &session, body).await.expect(204);
            }
            "own sessions" => {
                let session = service.login(&email).await;
                service.delete("/v1/auth/sessions", &session).await.expect(204);
            }
            "sessions" => {
                service.delete(&format!("{path}/sessions"), &account.session).await.expect(204);
            }
            "suspended member" => {
                for status in ["suspended", "active"] {
                    service.patch(&path, &account.session, json!({"status": status})).await.expect(200);
                }
            }
            "suspended account" => {
                service.suspend(&account).await;
                service.restore(&account).await;
            }
            _ => {
                service.delete(&path, &account.session).await.expect(204);
            }
        }
        let response = confirm(&service, &token, "two lizards on the wall").await;
        assert_eq!(response.status, 401, "{change}");
        assert_invalid_token(&response);
    }
}

#[tokio::test]
async fn suspended_member_cannot_use_a_token_and_gets_none() {
    let service = OwnService::start_with_mail().await;
    let account = service.account().await;
    let email = new_address();
    let (_, member) = service.member_with_email(&account.session, &email, &["read"]).await;
    let token = issued_token(&service, &email).await;
    let path = format!("/v1/members/{member}");
    service.patch(&path, &account.session, json!({"status": "suspended"})).await.expect(200);
    assert_invalid_token(&confirm(&service, &token, NEW).await);
    request(&service, &email).await.expect(202);
    let error = service.operate(json!({"reset_password": {"email": email}})).await.expect_err("suspended");
    assert_eq!(error.error_type, "CONFLICT");
    assert!(links(&service.mails(1).await).is_empty());
}

#[tokio::test]
async fn disabled_password_is_enabled() {
    let service = OwnService::start().await;
    let account = service.account().await;
    set_failures(&service, &account, 100).await;
    assert_eq!(login(&service, &account.email, PASSWORD).await, 401);
    let token = issued_token(&service, &account.email).await;
    confirm(&service, &token, NEW).await.expect(204);
    assert_eq!(login(&service, &account.email, NEW).await, 200);
}

#[tokio::test]
async fn one_of_concurrent_uses_wins() {
    let service = OwnService::start().await;
    let account = service.account().await;
    for round in 0..5 {
        let token = issued_token(&service, &account.email).await;
        let mut uses = JoinSet::new();
        for n in 0..4 {
            let new_password = format!("{NEW} {round} {n}");
            let body = json!({"token": token, "new_password": new_password});
            let request = service.request("POST", "/v1/auth/password-reset/confirm").json(&body).send();
            uses.spawn(async move { (request.await.status, new_password) });
        }
        let (winners, losers): (Vec<_>, Vec<_>) =
            uses.join_all().await.into_iter().partition(|(status, _)| *status == 204);
        assert!(
            winners.len() == 1 && losers.iter().all(|(status, _)| *status == 401),
            "{winners:?} {losers:?}"
        );
        assert_eq!(login(&service, &account.email, &winners[0].1).await, 200);
        for (_, password) in &losers {
            assert_eq!(login(&service, &account.email, password).await, 401);
            service.time.pass(24 * 60 * 60);
        }
    }
}

#[tokio::test]
async fn reset_and_its_token_are_in_the_audit_trail() {
    let service = Service::start().await;
    let account: Account = service.account().await;
    let issued = service.operate(json!({"reset_password": {"email": account.email}})).await.expect("a token");
    assert_eq!(issued.as_object().expect("an object").len(), 2, "{issued}");
    confirm(&service, text(&issued, "token"), NEW).await.expect(204);
    let body = json!({"email": account.email, "password": NEW});
    let login = service.request("POST", "/v1/auth/login").json(&body).send().await.expect(200);
    let session = Credential::session(text(&login, "session_token"));
    let events = async |kind: &str| {
        service.get(&format!("/v1/audit-events?type={kind}"), &session).await.expect(200)["data"].clone()
    };
    let reset = events("password.reset").await;
    assert_eq!((&reset[0]["user_id"], &reset[0]["actor"]), (&json!(account.user_id), &Value::Null));
    let by_operator = events("password.reset_issued").await;
    assert_eq!(by_operator[0]["actor"], json!({"type": "operator"}));
    assert_eq!(by_operator[0]["expires_at"], issued["expires_at"]);
    assert_eq!((reset.as_array().map(Vec::len), by_operator.as_array().map(Vec::len)), (Some(1), Some(1)));
}

#[tokio::test]
async fn token_is_stored_as_a_digest() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let token = issued_token(&service, &account.email).await;
    let secret = &token["reset_".len() + 32..];
    assert!(!format!("{:?}", service.items().await).contains(secret));
}

#[tokio::test]
async fn request_that_cannot_be_handed_over_returns_503() {
    let service = OwnService::start_with_unreachable_lambda().await;
    for email in [service.account().await.email, new_address()] {
        request(&service, &email).await.assert_error(503, "UNAVAILABLE");
    }
}

#[tokio::test]
async fn token_that_cannot_be_handed_over_is_not_recent() {
    let service = OwnService::start_with_unreachable_lambda().await;
    let account = service.account().await;
    // Lambda runs the function again.
    for tokens in [1, 2] {
        let error = service.invoke("password-reset-send", &event(&account.email)).await;
        assert_eq!(error.expect_err("the token is not sent").error_type, "UNAVAILABLE");
        let item = service.item(&account.member_partition(), "PASSWORD_RESETS").await.expect("the tokens");
        assert_eq!(item["tokens"].as_l().expect("a list").len(), tokens);
        assert_eq!(item.get("recent_until"), None, "{item:?}");
    }
}

#[tokio::test]
async fn unknown_address_in_a_command_is_not_found() {
    let service = Service::start().await;
    let command = json!({"reset_password": {"email": new_address()}});
    let error = service.operate(command).await.expect_err("nobody has this address");
    assert_eq!(error.error_type, "NOT_FOUND");
}

#[tokio::test]
async fn one_of_two_uses_wins_in_every_order_of_their_calls() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    // Each use makes two calls. Each bit says which use makes the next one.
    for order in 0..1_u32 << 4 {
        let token = issued_token(&service, &account.email).await;
        let uses = [0, 1].map(|n| {
            let body = json!({"token": token, "new_password": format!("{NEW} {order} {n}")});
            let request = service.request("POST", "/v1/auth/password-reset/confirm").json(&body).send();
            async move { request.await.status }
        });
        let mut statuses = dynamodb.interleave(uses.into(), by_bits(order)).await;
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 401], "{order:04b}");
    }
}

#[tokio::test]
async fn token_stays_valid_in_every_order_with_the_calls_of_a_further_one() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let service = Arc::new(service);
    let account = service.account().await;
    // The use makes two calls, the command three. Each bit says which of them makes the next one.
    for order in 0..1_u32 << 5 {
        let token = issued_token(&service, &account.email).await;
        let results = [true, false].map(|is_use| {
            let (service, token, email) = (Arc::clone(&service), token.clone(), account.email.clone());
            async move {
                if is_use {
                    let password = format!("{NEW} {order}");
                    return confirm(&service, &token, &password).await.status.to_string();
                }
                let issued = service.operate(json!({"reset_password": {"email": email}})).await;
                issued.map_or_else(|error| error.error_type, |_| "issued".to_owned())
            }
        });
        let results = dynamodb.interleave(results.into(), by_bits(order)).await;
        assert_eq!(results[0], "204", "{order:05b}");
        assert!(["issued", "CONFLICT"].contains(&&*results[1]), "{order:05b}: {results:?}");
    }
}

#[tokio::test]
async fn concurrent_commands_create_valid_tokens_or_fail() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let service = Arc::new(service);
    // Each command makes three calls. Each bit says which command makes the next one.
    for order in 0..1_u32 << 5 {
        let account = service.account().await;
        let commands = [0, 1].map(|_| {
            let (service, email) = (Arc::clone(&service), account.email.clone());
            async move { service.operate(json!({"reset_password": {"email": email}})).await }
        });
        let results = dynamodb.interleave(commands.into(), by_bits(order)).await;
        assert!(results.iter().any(Result::is_ok), "{order:05b}");
        for result in results {
            match result {
                Ok(issued) => assert!(is_valid(&service, text(&issued, "token")).await, "{order:05b}"),
                Err(error) => assert_eq!(error.error_type, "CONFLICT", "{order:05b}"),
            }
        }
    }
}

#[tokio::test]
async fn request_that_sends_no_mail_is_logged_with_its_reason() {
    let log = CapturedLog::start(LevelFilter::INFO);
    let service = OwnService::start_with_mail().await;
    let account = service.account().await;
    let send = async |email: &str| {
        log.take_records();
        service.invoke("password-reset-send", &event(email)).await.expect("the event is processed");
        let records = log.take_records();
        let of_function = records.iter().find(|record| record["operation"] == "password-reset-send");
        let record = of_function.expect("a record");
        assert_eq!(record["Outcome"], "succeeded", "{record}");
        record["reason"].clone()
    };
    assert_eq!(send(&new_address()).await, "unknown address");
    assert_eq!(send(&account.email).await, Value::Null);
    assert_eq!(send(&account.email).await, "a token was sent in the last ten minutes");
    let (email, suspended) = (new_address(), "the member or the account is suspended or restricted");
    let (_, member) = service.member_with_email(&account.session, &email, &["read"]).await;
    let path = format!("/v1/members/{member}");
    service.patch(&path, &account.session, json!({"status": "suspended"})).await.expect(200);
    assert_eq!(send(&email).await, suspended);
    let suspend = json!({"suspend_account": {"account_id": account.id}});
    service.operate(suspend).await.expect("the account is suspended");
    assert_eq!(send(&account.email).await, suspended);
}

#[tokio::test]
async fn malformed_event_is_rejected() {
    let service = Service::start().await;
    for event in [json!({}), json!("help"), event("nobody")] {
        let error = service.invoke("password-reset-send", &event).await.expect_err("the event is rejected");
        assert_eq!(error.error_type, "BAD_REQUEST", "{event}");
    }
}
