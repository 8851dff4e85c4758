//! The login with a passkey alone.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{
    authenticator::Authenticator,
    operations::login_throttling::set_failures,
    response::{Response, text},
    service::{Account, OwnService, PASSWORD, Service, new_address},
};

const PATH: &str = "/v1/auth/login/passkey";

async fn start() -> (OwnService, Account, Authenticator) {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (authenticator, _) = service.add_passkey(&account.session).await;
    (service, account, authenticator)
}

async fn send(service: &Service, body: &Value) -> Response {
    service.request("POST", PATH).json(body).send().await
}

/// Logs in with the passkey of `authenticator`, after `change` has changed the response to the options.
async fn log_in(
    service: &Service,
    authenticator: &mut Authenticator,
    change: impl FnOnce(&mut Value),
) -> Response {
    let mut body = service.passkey_login(authenticator).await;
    change(&mut body["credential"]);
    send(service, &body).await
}

/// Returns an id without its prefix.
fn digits(id: &str) -> &str {
    id.split_once('_').expect("an id has a prefix").1
}

/// Reads the stored counter of the only passkey.
async fn counter(service: &OwnService) -> String {
    let items = service.items().await;
    let passkey = items.iter().find(|item| item["sk"].as_s().is_ok_and(|sk| sk.starts_with("PASSKEY#")));
    passkey.expect("a passkey")["counter"].as_n().expect("a number").clone()
}

#[tokio::test]
async fn session_has_the_factor_passkey() {
    let (service, account, mut authenticator) = start().await;
    let session = service.login_with_passkey(&mut authenticator).await;
    let me = service.me(&session).await.expect(200);
    assert_eq!((text(&me, "user_id"), &me["factors"]), (account.user_id.as_str(), &json!(["passkey"])));
    // The other session goes on.
    service.me(&account.session).await.expect(200);
}

#[tokio::test]
async fn options_name_no_passkey_and_require_user_verification() {
    let (service, ..) = start().await;
    let options = service.request("POST", "/v1/auth/login/options").send().await.expect(200);
    let challenge = text(&options["publicKey"], "challenge");
    assert_eq!(challenge.len(), 43);
    let expected = json!({
        "challenge": challenge, "timeout": 300_000, "rpId": "localhost", "allowCredentials": [],
        "userVerification": "required",
    });
    assert_eq!(options, json!({"publicKey": expected}));
}

#[tokio::test]
async fn options_work_once() {
    let (service, _, mut authenticator) = start().await;
    let body = service.passkey_login(&mut authenticator).await;
    send(&service, &body).await.expect(200);
    send(&service, &body).await.assert_unauthorized_by_function();
    // Also if the response was rejected.
    let options = service.request("POST", "/v1/auth/login/options").send().await.expect(200);
    authenticator.verifies_user = false;
    let unverified = json!({"credential": authenticator.authenticate(&options)});
    send(&service, &unverified).await.assert_unauthorized_by_function();
    authenticator.verifies_user = true;
    let verified = json!({"credential": authenticator.authenticate(&options)});
    send(&service, &verified).await.assert_unauthorized_by_function();
}

#[tokio::test]
async fn concurrent_logins_with_the_same_options_create_one_session() {
    let (service, account, mut authenticator) = start().await;
    let body = service.passkey_login(&mut authenticator).await;
    let responses: [Response; 3] =
        tokio::join!(send(&service, &body), send(&service, &body), send(&service, &body)).into();
    let mut statuses = responses.each_ref().map(|response| response.status);
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401, 401], "{responses:?}");
    assert_eq!(service.ids("/v1/auth/sessions", &account.session, 50).await.len(), 2);
}

#[tokio::test]
async fn options_expire_after_five_minutes() {
    let (service, _, mut authenticator) = start().await;
    for (seconds, status) in [(298, 200), (300, 401)] {
        let body = service.passkey_login(&mut authenticator).await;
        service.time.pass(seconds);
        assert_eq!(send(&service, &body).await.status, status);
    }
}

#[tokio::test]
async fn response_that_does_not_prove_the_passkey_returns_401() {
    let (service, account, mut authenticator) = start().await;
    let (member, _) = service.member(&account.session, &["read"]).await;
    let (other, _) = service.add_passkey(&member).await;
    let unauthorized = |response: Response| response.assert_unauthorized_by_function();

    unauthorized(
        log_in(
            &service,
            &mut Authenticator { origin: "https://example.com".to_owned(), ..authenticator.clone() },
            |_| (),
        )
        .await,
    );
    unauthorized(
        log_in(&service, &mut Authenticator { verifies_user: false, ..authenticator.clone() }, |_| ()).await,
    );
    // The handle of another member, and a passkey that nobody has registered.
    unauthorized(
        log_in(
            &service,
            &mut Authenticator { user_handle: other.user_handle.clone(), ..authenticator.clone() },
            |_| (),
        )
        .await,
    );
    // A member who has not accepted the invitation.
    let invited = service.invite(&account.session, &new_address(), &["read"]).await;
    let user_handle = format!("{}{}", digits(&account.id), digits(text(&invited, "id")));
    let invited = &mut Authenticator { user_handle, ..authenticator.clone() };
    unauthorized(log_in(&service, invited, |_| ()).await);
    let mut unknown = Authenticator::new(&service.origin());
    unknown.user_handle.clone_from(&authenticator.user_handle);
    unauthorized(log_in(&service, &mut unknown, |_| ()).await);
    // The id of the passkey with the key of another authenticator.
    unknown.id.clone_from(&authenticator.id);
    unauthorized(log_in(&service, &mut unknown, |_| ()).await);
    for (part, value) in [
        ("signature", json!(BASE64_URL_SAFE_NO_PAD.encode([0x30, 0x06, 2, 1, 1, 2, 1, 1]))),
        ("signature", json!("")),
        ("signature", Value::Null),
        ("authenticatorData", json!("AA")),
        ("clientDataJSON", json!("e30")),
        ("userHandle", Value::Null),
        ("userHandle", json!("")),
        ("userHandle", json!(BASE64_URL_SAFE_NO_PAD.encode("0".repeat(32)))),
    ] {
        unauthorized(
            log_in(&service, &mut authenticator, |credential| credential["response"][part] = value).await,
        );
    }
    unauthorized(send(&service, &json!({"credential": {}})).await);
    // The right response still works.
    log_in(&service, &mut authenticator, |_| ()).await.expect(200);
}

#[tokio::test]
async fn challenge_of_a_registration_or_of_a_second_factor_returns_401() {
    let (service, account, mut authenticator) = start().await;
    let registration =
        service.post("/v1/auth/passkeys/options", &account.session, json!({})).await.expect(200);
    let second_factor = service.second_factor(&account.email).await;
    for challenge in
        [&registration["publicKey"]["challenge"], &second_factor["options"]["publicKey"]["challenge"]]
    {
        let options = json!({"publicKey": {"challenge": challenge, "rpId": "localhost"}});
        let body = json!({"credential": authenticator.authenticate(&options)});
        send(&service, &body).await.assert_unauthorized_by_function();
    }
}

#[tokio::test]
async fn counter_of_a_cloned_passkey_does_not_decrease_and_the_login_succeeds() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let mut authenticator = Authenticator { counter: 5, ..Authenticator::new(&service.origin()) };
    let body = service.new_passkey(&account.session, &mut authenticator).await;
    service.post("/v1/auth/passkeys", &account.session, body).await.expect(201);
    let mut clone = authenticator.clone();
    for expected in ["6", "7"] {
        service.login_with_passkey(&mut authenticator).await;
        assert_eq!(counter(&service).await, expected);
    }
    service.login_with_passkey(&mut clone).await;
    assert_eq!(counter(&service).await, "7");
}

#[tokio::test]
async fn passkey_that_has_become_synchronized_returns_401() {
    let (service, _, mut authenticator) = start().await;
    authenticator.is_synchronized = true;
    log_in(&service, &mut authenticator, |_| ()).await.assert_unauthorized_by_function();
}

#[tokio::test]
async fn synchronized_passkey_works() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let mut authenticator = Authenticator { is_synchronized: true, ..Authenticator::new(&service.origin()) };
    let body = service.new_passkey(&account.session, &mut authenticator).await;
    service.post("/v1/auth/passkeys", &account.session, body).await.expect(201);
    service.login_with_passkey(&mut authenticator).await;
}

#[tokio::test]
async fn suspended_member_or_account_returns_403_only_with_the_right_passkey() {
    let (service, account, _) = start().await;
    let (member, id) = service.member(&account.session, &["read"]).await;
    let (mut authenticator, _) = service.add_passkey(&member).await;
    let path = format!("/v1/members/{id}");
    service.patch(&path, &account.session, json!({"status": "suspended"})).await.expect(200);
    let suspended = log_in(&service, &mut authenticator, |_| ()).await;
    suspended.assert_error(403, "FORBIDDEN");
    assert!(suspended.text.contains("Account suspended"), "{}", suspended.text);
    let mut wrong = Authenticator { verifies_user: false, ..authenticator.clone() };
    log_in(&service, &mut wrong, |_| ()).await.assert_unauthorized_by_function();
    service.patch(&path, &account.session, json!({"status": "active"})).await.expect(200);
    log_in(&service, &mut authenticator, |_| ()).await.expect(200);
    service.suspend(&account).await;
    log_in(&service, &mut authenticator, |_| ()).await.assert_error(403, "FORBIDDEN");
}

#[tokio::test]
async fn passkey_works_although_the_password_is_disabled() {
    let (service, account, mut authenticator) = start().await;
    set_failures(&service, &account, 100).await;
    let session = service.login_with_passkey(&mut authenticator).await;
    service.me(&session).await.expect(200);
    // The password stays disabled.
    assert_eq!(service.first_member(&account).await["failures"].as_n(), Ok(&"100".to_owned()));
    let body = json!({"email": account.email, "password": PASSWORD});
    let login = service.request("POST", "/v1/auth/login").json(&body).send().await;
    login.assert_error(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn only_the_first_login_in_an_hour_from_a_source_is_an_event() {
    let (service, account, mut authenticator) = start().await;
    let logins = async || {
        let page = service.get("/v1/audit-events?type=login.succeeded", &account.session).await.expect(200);
        page["data"].as_array().expect("a list").len()
    };
    assert_eq!(logins().await, 1);
    for (seconds, expected) in [(0, 1), (1, 1), (3_500, 1), (100, 2), (1, 2)] {
        service.time.pass(seconds);
        service.login_with_passkey(&mut authenticator).await;
        service.me(&account.session).await.expect(200);
        assert_eq!(logins().await, expected, "{seconds}");
    }
}

#[tokio::test]
async fn login_beyond_the_limit_ends_the_oldest_session() {
    let (service, account, mut authenticator) = start().await;
    let limits = json!({"account_id": account.id, "sessions_per_member": 2});
    service.operate(json!({"set_limits": limits})).await.expect("the limits are set");
    service.login_with_passkey(&mut authenticator).await;
    let session = service.login_with_passkey(&mut authenticator).await;
    service.me(&account.session).await.assert_unauthorized();
    assert_eq!(service.ids("/v1/auth/sessions", &session, 50).await.len(), 2);
}
