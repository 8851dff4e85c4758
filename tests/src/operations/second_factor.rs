//! The second step of a login, with a passkey or a recovery code.

use serde_json::{Value, json};
use tracing_subscriber::filter::LevelFilter;

use crate::{
    authenticator::Authenticator,
    deployment::logs::CapturedLog,
    operations::login_throttling::set_failures,
    response::{Response, text},
    service::{Account, Credential, OwnService, PASSWORD, Service},
};

const PATH: &str = "/v1/auth/login/second-factor";

/// A member with a passkey.
struct Member {
    account: Account,
    authenticator: Authenticator,
    codes: Vec<Value>,
}

async fn start() -> (OwnService, Member) {
    let service = OwnService::start().await;
    let member = member(&service).await;
    (service, member)
}

async fn member(service: &Service) -> Member {
    let account = service.account().await;
    let (authenticator, passkey) = service.add_passkey(&account.session).await;
    let codes = passkey["recovery_codes"].as_array().expect("codes").clone();
    Member { account, authenticator, codes }
}

async fn send(service: &Service, body: &Value) -> Response {
    service.request("POST", PATH).json(body).send().await
}

fn with_code(pending: &Value, code: &Value) -> Value {
    json!({"login_token": pending["login_token"], "recovery_code": code})
}

impl Member {
    fn with_passkey(&mut self, pending: &Value) -> Value {
        let credential = self.authenticator.authenticate(&pending["options"]);
        json!({"login_token": pending["login_token"], "credential": credential})
    }
}

async fn factors(service: &Service, response: Response) -> Value {
    let session = Credential::session(text(&response.expect(200), "session_token"));
    service.me(&session).await.expect(200)["factors"].clone()
}

async fn count_events(service: &Service, session: &Credential, kind: &str) -> usize {
    let page = service.get(&format!("/v1/audit-events?type={kind}"), session).await.expect(200);
    page["data"].as_array().expect("a list").len()
}

/// Reads the consecutive failures of the only member.
async fn failures(service: &OwnService) -> String {
    let items = service.items().await;
    let member = items.iter().find(|item| item["sk"].as_s().is_ok_and(|sk| sk.starts_with("MEMBER#")));
    member.expect("a member")["failures"].as_n().expect("a number").clone()
}

#[tokio::test]
async fn right_password_returns_a_login_token_and_options_instead_of_a_session() {
    let (service, member) = start().await;
    let pending = service.second_factor(&member.account.email).await;
    assert!(text(&pending, "login_token").starts_with("login_"), "{pending}");
    assert_eq!(pending["expires_at"], service.time.in_seconds(300));
    let options = &pending["options"]["publicKey"];
    let allowed = options["allowCredentials"].as_array().expect("a list");
    assert_eq!((allowed.len(), &allowed[0]["transports"]), (1, &json!(["internal"])));
    assert_eq!((&options["userVerification"], &options["rpId"]), (&json!("required"), &json!("localhost")));
    assert_eq!(service.ids("/v1/auth/sessions", &member.account.session, 50).await.len(), 1);
    assert_eq!(count_events(&service, &member.account.session, "login.succeeded").await, 1);
}

#[tokio::test]
async fn passkey_or_recovery_code_completes_the_login() {
    let (service, mut member) = start().await;
    let pending = service.second_factor(&member.account.email).await;
    let response = send(&service, &member.with_passkey(&pending)).await;
    assert_eq!(factors(&service, response).await, json!(["password", "passkey"]));
    let pending = service.second_factor(&member.account.email).await;
    let response = send(&service, &with_code(&pending, &member.codes[0])).await;
    assert_eq!(factors(&service, response).await, json!(["password", "recovery_code"]));
    assert_eq!(count_events(&service, &member.account.session, "recovery_code.used").await, 1);
}

#[tokio::test]
async fn second_of_two_authenticators_completes_the_login() {
    let (service, member) = start().await;
    let (mut second, _) = service.add_passkey(&member.account.session).await;
    let pending = service.second_factor(&member.account.email).await;
    let allowed = &pending["options"]["publicKey"]["allowCredentials"];
    assert_eq!(allowed.as_array().expect("a list").len(), 2);
    let credential = second.authenticate(&pending["options"]);
    let body = json!({"login_token": pending["login_token"], "credential": credential});
    send(&service, &body).await.expect(200);
}

#[tokio::test]
async fn login_token_works_once_and_a_newer_one_replaces_it() {
    let (service, mut member) = start().await;
    let pending = service.second_factor(&member.account.email).await;
    let body = member.with_passkey(&pending);
    send(&service, &body).await.expect(200);
    send(&service, &body).await.assert_unauthorized_by_function();
    send(&service, &with_code(&pending, &member.codes[0])).await.assert_unauthorized_by_function();
    let older = service.second_factor(&member.account.email).await;
    let newer = service.second_factor(&member.account.email).await;
    send(&service, &with_code(&older, &member.codes[0])).await.assert_unauthorized_by_function();
    send(&service, &with_code(&newer, &member.codes[0])).await.expect(200);
}

#[tokio::test]
async fn recovery_code_works_once_in_any_spelling() {
    let (service, member) = start().await;
    let code = member.codes[0].as_str().expect("a text");
    let typed = json!(code.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l"));
    let pending = service.second_factor(&member.account.email).await;
    send(&service, &with_code(&pending, &typed)).await.expect(200);
    let pending = service.second_factor(&member.account.email).await;
    send(&service, &with_code(&pending, &member.codes[0])).await.assert_unauthorized_by_function();
    send(&service, &with_code(&pending, &member.codes[1])).await.expect(200);
}

#[tokio::test]
async fn concurrent_uses_of_a_login_token_create_one_session() {
    let (service, mut member) = start().await;
    let pending = service.second_factor(&member.account.email).await;
    let bodies = [
        member.with_passkey(&pending),
        with_code(&pending, &member.codes[0]),
        with_code(&pending, &member.codes[1]),
    ];
    let [first, second, third] = &bodies;
    let responses: [Response; 3] =
        tokio::join!(send(&service, first), send(&service, second), send(&service, third)).into();
    let succeeded = responses.iter().filter(|response| response.status == 200).count();
    assert_eq!(succeeded, 1, "{responses:?}");
    assert!(responses.iter().all(|response| [200, 401].contains(&response.status)), "{responses:?}");
    assert_eq!(service.ids("/v1/auth/sessions", &member.account.session, 50).await.len(), 2);
}

#[tokio::test]
async fn login_token_ends_after_five_failed_attempts() {
    for (failed, status) in [(4, 200), (5, 401)] {
        let (service, member) = start().await;
        let other = self::member(&service).await;
        let pending = service.second_factor(&member.account.email).await;
        for _ in 0..failed {
            let wrong = with_code(&pending, &other.codes[0]);
            send(&service, &wrong).await.assert_unauthorized_by_function();
        }
        // By now, no attempt is delayed any more.
        service.time.pass(120);
        let right = with_code(&pending, &member.codes[0]);
        assert_eq!(send(&service, &right).await.status, status, "{failed}");
        let pending = service.second_factor(&member.account.email).await;
        send(&service, &with_code(&pending, &member.codes[1])).await.expect(200);
    }
}

#[tokio::test]
async fn failed_second_factors_count_as_failed_logins_and_the_password_does_not_reset_them() {
    let (service, mut member) = start().await;
    for (before, after) in [("0", "1"), ("1", "2")] {
        let pending = service.second_factor(&member.account.email).await;
        assert_eq!(failures(&service).await, before);
        send(&service, &with_code(&pending, &json!("0000-0000-0000-0000-0000-0000")))
            .await
            .assert_unauthorized_by_function();
        assert_eq!(failures(&service).await, after);
    }
    let refused = count_events(&service, &member.account.session, "second_factor.refused").await;
    assert_eq!(refused, 2);
    let pending = service.second_factor(&member.account.email).await;
    send(&service, &member.with_passkey(&pending)).await.expect(200);
    assert_eq!(failures(&service).await, "0");
}

#[tokio::test]
async fn repeated_failures_of_the_second_factor_delay_the_login() {
    let (service, member) = start().await;
    let pending = service.second_factor(&member.account.email).await;
    let wrong = with_code(&pending, &json!("0000-0000-0000-0000-0000-0000"));
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(send(&service, &wrong).await.status);
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 401]);
    let login = json!({"email": member.account.email, "password": PASSWORD});
    let throttled = service.request("POST", "/v1/auth/login").json(&login).send().await;
    throttled.assert_error(429, "RATE_LIMITED");
    // A passkey alone takes part in no limit.
    let mut authenticator = member.authenticator.clone();
    service.login_with_passkey(&mut authenticator).await;
}

#[tokio::test]
async fn rejected_passkey_uses_the_options_up_but_not_the_token() {
    let (service, mut member) = start().await;
    let pending = service.second_factor(&member.account.email).await;
    let mut unverified = Authenticator { verifies_user: false, ..member.authenticator.clone() };
    let body = json!({
        "login_token": pending["login_token"], "credential": unverified.authenticate(&pending["options"]),
    });
    send(&service, &body).await.assert_unauthorized_by_function();
    send(&service, &member.with_passkey(&pending)).await.assert_unauthorized_by_function();
    send(&service, &with_code(&pending, &member.codes[0])).await.expect(200);
}

#[tokio::test]
async fn factor_of_another_member_is_rejected() {
    let (service, member) = start().await;
    let mut other = self::member(&service).await;
    let pending = service.second_factor(&member.account.email).await;
    send(&service, &with_code(&pending, &other.codes[0])).await.assert_unauthorized_by_function();
    send(&service, &other.with_passkey(&pending)).await.assert_unauthorized_by_function();
    assert_eq!(service.ids("/v1/auth/sessions", &member.account.session, 50).await.len(), 1);
    // The code of the other member still works for them.
    let pending = service.second_factor(&other.account.email).await;
    send(&service, &with_code(&pending, &other.codes[0])).await.expect(200);
}

#[tokio::test]
async fn malformed_or_forged_token_returns_401_without_a_read() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let member = member(&service).await;
    let pending = service.second_factor(&member.account.email).await;
    let token = text(&pending, "login_token");
    dynamodb.calls();
    let (start, last) = token.split_at(token.len() - 1);
    let mistyped = format!("{start}{}", if last == "0" { "1" } else { "0" });
    let session = member.account.session.token();
    for token in ["", "login_", &mistyped, session, &token.replace("login_", "reset_")] {
        let body = json!({"login_token": token, "recovery_code": member.codes[0]});
        send(&service, &body).await.assert_unauthorized_by_function();
    }
    assert_eq!(dynamodb.calls(), [""; 0]);
}

#[tokio::test]
async fn body_without_exactly_one_second_factor_returns_400() {
    let (service, mut member) = start().await;
    let pending = service.second_factor(&member.account.email).await;
    let mut both = member.with_passkey(&pending);
    both["recovery_code"] = member.codes[0].clone();
    let neither = json!({"login_token": pending["login_token"]});
    for body in [both, neither] {
        send(&service, &body).await.assert_bad_field("credential");
    }
    send(&service, &with_code(&pending, &member.codes[0])).await.expect(200);
}

#[tokio::test]
async fn login_token_expires_after_five_minutes() {
    let (service, member) = start().await;
    for (seconds, status) in [(298, 200), (300, 401)] {
        let pending = service.second_factor(&member.account.email).await;
        service.time.pass(seconds);
        let response = send(&service, &with_code(&pending, &member.codes[0])).await;
        assert_eq!(response.status, status, "{}", response.text);
    }
}

#[tokio::test]
async fn whatever_ends_the_sessions_of_the_member_ends_the_login_token() {
    let (service, mut member) = start().await;
    let account = member.account.clone();
    let session = account.session.clone();
    let (admin, _) = service.member(&session, &["read", "write", "delete", "admin"]).await;
    let path = format!("/v1/members/{}", account.user_id);
    let pending = service.second_factor(&account.email).await;
    service.delete("/v1/auth/sessions", &session).await.expect(204);
    send(&service, &member.with_passkey(&pending)).await.assert_unauthorized_by_function();

    let pending = service.second_factor(&account.email).await;
    service.add_passkey(&session).await;
    send(&service, &member.with_passkey(&pending)).await.assert_unauthorized_by_function();

    let pending = service.second_factor(&account.email).await;
    for status in ["suspended", "active"] {
        service.patch(&path, &admin, json!({"status": status})).await.expect(200);
        send(&service, &member.with_passkey(&pending)).await.assert_unauthorized_by_function();
    }

    let pending = service.second_factor(&account.email).await;
    service.suspend(&account).await;
    send(&service, &member.with_passkey(&pending)).await.assert_unauthorized_by_function();
    service.restore(&account).await;
    send(&service, &member.with_passkey(&pending)).await.assert_unauthorized_by_function();

    let session = service.login_with_passkey(&mut member.authenticator).await;
    let pending = service.second_factor(&account.email).await;
    let body = json!({"current_password": PASSWORD, "new_password": "two lizards on the wall"});
    service.post("/v1/auth/password", &session, body).await.expect(204);
    send(&service, &member.with_passkey(&pending)).await.assert_unauthorized_by_function();
}

#[tokio::test]
async fn password_reset_does_not_replace_the_second_factor() {
    let (service, mut member) = start().await;
    let issued = service.operate(json!({"reset_password": {"email": member.account.email}})).await;
    let new_password = "two lizards on the 8th wall";
    let body = json!({"token": issued.expect("a token")["token"], "new_password": new_password});
    service.request("POST", "/v1/auth/password-reset/confirm").json(&body).send().await.expect(204);
    let body = json!({"email": member.account.email, "password": new_password});
    let login = service.request("POST", "/v1/auth/login").json(&body).send().await.expect(200);
    assert_eq!(login.get("session_token"), None, "{login}");
    let response = send(&service, &member.with_passkey(&login["second_factor"])).await;
    assert_eq!(factors(&service, response).await, json!(["password", "passkey"]));
}

#[tokio::test]
async fn suspended_member_gets_403_after_the_right_password() {
    let (service, member) = start().await;
    set_failures(&service, &member.account, 3).await;
    service.suspend(&member.account).await;
    let body = json!({"email": member.account.email, "password": PASSWORD});
    let response = service.request("POST", "/v1/auth/login").json(&body).send().await;
    response.assert_error(403, "FORBIDDEN");
    assert_eq!(failures(&service).await, "3");
}

#[tokio::test]
async fn disabled_password_ends_the_second_step_and_is_logged() {
    let log = CapturedLog::start(LevelFilter::INFO);
    let (service, mut member) = start().await;
    let pending = service.second_factor(&member.account.email).await;
    set_failures(&service, &member.account, 100).await;
    for body in [with_code(&pending, &member.codes[0]), member.with_passkey(&pending)] {
        log.take_records();
        send(&service, &body).await.assert_unauthorized_by_function();
        assert!(log.take_records().iter().any(|record| record["reason"] == "password disabled"));
        assert_eq!(failures(&service).await, "100");
    }
    // The code was not used.
    let enable = json!({"enable_password": {"email": member.account.email}});
    service.operate(enable).await.expect("the password is enabled");
    let pending = service.second_factor(&member.account.email).await;
    send(&service, &with_code(&pending, &member.codes[0])).await.expect(200);
}

#[tokio::test]
async fn wrong_password_makes_the_same_calls_with_and_without_a_passkey() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let with = member(&service).await.account;
    let without = service.account().await;
    let mut calls = Vec::new();
    for account in [&with, &without] {
        dynamodb.calls();
        let body = json!({"email": account.email, "password": "a wrong password of 15"});
        let response = service.request("POST", "/v1/auth/login").json(&body).send().await;
        response.assert_error(401, "UNAUTHORIZED");
        calls.push((dynamodb.calls(), response.text));
    }
    assert_eq!(calls[0], calls[1]);
}

#[tokio::test]
async fn operator_removes_every_passkey_and_code_and_ends_the_sessions() {
    let service = OwnService::start_with_mail().await;
    let Member { account, codes, .. } = member(&service).await;
    service.add_passkey(&account.session).await;
    let pending = service.second_factor(&account.email).await;
    let command = json!({"remove_second_factor": {"email": account.email}});
    let member = json!({"account_id": account.id, "user_id": account.user_id});
    assert_eq!(service.operate(command.clone()).await.expect("the passkeys are removed"), member);
    service.me(&account.session).await.assert_unauthorized();
    send(&service, &with_code(&pending, &codes[0])).await.assert_unauthorized_by_function();
    let items = service.items().await;
    let mut sort_keys = items.iter().map(|item| item["sk"].as_s().expect("a text"));
    assert!(!sort_keys.any(|sk| sk.starts_with("PASSKEY#") || sk == "RECOVERY_CODES"), "{items:?}");
    // The password alone logs in.
    let session = service.login(&account.email).await;
    assert_eq!(service.get("/v1/auth/passkeys", &session).await.expect(200)["data"], json!([]));
    let events = service.get("/v1/audit-events?type=passkey.removed", &session).await.expect(200);
    let actors: Vec<_> =
        events["data"].as_array().expect("a list").iter().map(|event| &event["actor"]["type"]).collect();
    assert_eq!(actors, ["operator", "operator"]);
    let subjects: Vec<_> =
        service.mails(3).await.iter().map(|mail| text(mail, "subject").to_owned()).collect();
    assert_eq!(subjects[0], "The operator removed your MedTWIN passkeys");
    // Repeating the command changes nothing.
    assert_eq!(service.operate(command).await.expect("nothing is left to do"), member);
    service.me(&session).await.expect(200);
}
