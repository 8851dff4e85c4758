//! Mails to members, which functions hand over to the function `mail`.

use std::{future::ready, net::Ipv4Addr, time::Duration};

use axum::{Json, Router, http::StatusCode, response::IntoResponse, routing::post};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::mpsc::{self, UnboundedReceiver},
    time::timeout,
};
use tracing_subscriber::filter::LevelFilter;

use crate::{
    authenticator::Authenticator,
    deployment::logs::CapturedLog,
    operations::login_throttling::{attempt_from, post_from},
    response::text,
    service::{
        Account, Credential, OwnService, PASSWORD, Service, UNREACHABLE, invitation_token, key_path,
        make_lambda_unreachable, new_address,
    },
};

const NEW: &str = "a gecko under the 3rd lamp";
const HOME: &str = "192.0.2.1";
const ELSEWHERE: &str = "198.51.100.7";

async fn change_password(service: &Service, session: &Credential) {
    let body = json!({"current_password": PASSWORD, "new_password": NEW});
    service.post("/v1/auth/password", session, body).await.expect(204);
}

/// The recipients of mails, in order.
fn recipients(mails: &[Value]) -> Vec<&str> {
    let mut recipients: Vec<_> = mails.iter().map(|mail| text(mail, "to")).collect();
    recipients.sort_unstable();
    recipients
}

/// Creates members with these permissions and returns their addresses.
async fn colleagues(
    service: &Service,
    admin: &Credential,
    permissions: &[&str],
    count: usize,
) -> Vec<String> {
    let mut addresses = Vec::new();
    for _ in 0..count {
        let email = new_address();
        service.member_with_email(admin, &email, permissions).await;
        addresses.push(email);
    }
    addresses
}

/// A mail to the first member of `account`, as a function hands it over.
fn event(account: &Account) -> Value {
    let context = json!({"at": "2026-01-30T12:00:00Z", "ip_address": null});
    let message = json!({"password_changed": context});
    json!({"account_id": account.id, "to": {"address": account.email}, "message": message})
}

#[tokio::test]
async fn changed_password_is_reported_to_the_member() {
    let service = OwnService::start_with_mail().await;
    let account = service.account().await;
    change_password(&service, &account.session).await;
    let mails = service.mails(1).await;
    assert_eq!(recipients(&mails), [&account.email]);
    assert_eq!(mails[0]["from"], "medtwin@example.com");
    assert_eq!(mails[0]["subject"], "Your MedTWIN password was changed");
    let body = text(&mails[0], "text");
    assert!(body.contains(" on 2026-01-30 at 00:00 UTC from the IP address 127.0.0.1."), "{body}");
    // The link leads to the gateway by its public name.
    let port = service.url.rsplit_once(':').expect("a port").1;
    assert!(body.contains(&format!("\n\nhttp://localhost:{port}/dashboard#/forgot-password\n")), "{body}");
}

#[tokio::test]
async fn rejected_change_of_a_password_is_not_reported() {
    let service = OwnService::start_with_mail().await;
    let account = service.account().await;
    for (current, new, status) in [("a lizard on the 8th wall", NEW, 403), (PASSWORD, "short", 400)] {
        let body = json!({"current_password": current, "new_password": new});
        service.post("/v1/auth/password", &account.session, body).await.expect(status);
    }
    change_password(&service, &account.session).await;
    assert_eq!(service.mails(1).await.len(), 1);
}

#[tokio::test]
async fn login_from_a_new_source_is_reported_except_for_the_first_login() {
    let service = OwnService::start_with_mail().await;
    let email = new_address();
    let command = json!({"create_account": {"name": "Study", "email": email, "password": PASSWORD}});
    service.operate(command).await.expect("the account is created");
    for (source, reported) in [(HOME, 0), (HOME, 0), (ELSEWHERE, 1), (ELSEWHERE, 1), (HOME, 1)] {
        assert_eq!(attempt_from(&service, source, &email, PASSWORD).await.status, 200);
        let mails = service.mails(reported).await;
        assert_eq!(mails.len(), reported, "{source}");
    }
    // A rejected login is not reported.
    assert_eq!(attempt_from(&service, "203.0.113.9", &email, NEW).await.status, 401);
    assert_eq!(attempt_from(&service, "203.0.113.9", &email, PASSWORD).await.status, 200);
    let mails = service.mails(2).await;
    assert_eq!(recipients(&mails), [&email, &email]);
    for (mail, source) in mails.iter().zip(["203.0.113.9", ELSEWHERE]) {
        assert_eq!(mail["subject"], "New login to your MedTWIN account");
        assert!(text(mail, "text").contains(&format!(" from the IP address {source}.")), "{mail}");
    }
}

#[tokio::test]
async fn login_from_the_source_of_the_acceptance_is_not_reported_and_from_another_one_is() {
    let service = OwnService::start_with_mail().await;
    let account = service.account().await;
    let email = new_address();
    service.member_with_email(&account.session, &email, &["read"]).await;
    assert_eq!(service.mails(1).await[0]["subject"], "You are invited to MedTWIN");
    service.time.pass(24 * 60 * 60);
    service.login(&email).await;
    assert_eq!(service.mails(1).await.len(), 1);
    assert_eq!(attempt_from(&service, ELSEWHERE, &email, PASSWORD).await.status, 200);
    let mails = service.mails(2).await;
    assert_eq!((mails.len(), &mails[0]["subject"]), (2, &json!("New login to your MedTWIN account")));
    assert!(text(&mails[0], "text").contains(&format!(" from the IP address {ELSEWHERE}.")), "{mails:?}");
}

#[tokio::test]
async fn key_with_admin_is_reported_to_each_active_admin() {
    let service = OwnService::start_with_mail().await;
    let account = service.account().await;
    let other_account = service.account().await;
    colleagues(&service, &account.session, &["read", "write"], 1).await;
    let mut admins = colleagues(&service, &account.session, &["admin"], 2).await;
    let suspended = service.member(&account.session, &["admin"]).await.1;
    service
        .patch(&format!("/v1/members/{suspended}"), &account.session, json!({"status": "suspended"}))
        .await
        .expect(200);
    // Each of the four new members got an invitation. Two, three and four admins got a mail about the new ones.
    let before = service.mails(4 + 2 + 3 + 4).await.len();

    service.key(&account.session, json!({"permissions": ["read", "write", "delete"]})).await;
    service.key(&other_account.session, json!({"permissions": ["read"]})).await;
    let (_, key) = service.key(&account.session, json!({"permissions": ["admin"]})).await;
    let mails = service.mails(before + 3).await;
    let reported = &mails[..mails.len() - before];
    admins.push(account.email);
    admins.sort_unstable();
    assert_eq!(recipients(reported), admins);
    for mail in reported {
        assert_eq!(mail["subject"], "An API key of your MedTWIN account got the permission \"admin\"");
        assert!(text(mail, "text").contains(text(&key, "id")), "{mail}");
        // Whoever creates a key chooses its name.
        assert!(!mail.to_string().contains(text(&key, "name")), "{mail}");
    }

    let (_, other) = service.key(&account.session, json!({"permissions": ["read"]})).await;
    for change in [json!({"permissions": ["admin"]}), json!({"name": "Still an admin"})] {
        service.patch(&key_path(&other), &account.session, change).await.expect(200);
    }
    let mails = service.mails(before + 6).await;
    assert_eq!(mails.len(), before + 6);
    assert!(mails[..3].iter().all(|mail| text(mail, "text").contains(text(&other, "id"))), "{mails:?}");
}

#[tokio::test]
async fn login_with_a_passkey_from_a_new_source_is_reported_once() {
    let service = OwnService::start_with_mail().await;
    let account = service.account().await;
    let (mut authenticator, _) = service.add_passkey(&account.session).await;
    service.mails(1).await;
    let path = "/v1/auth/login/passkey";
    for _ in 0..2 {
        let body = service.passkey_login(&mut authenticator).await;
        assert_eq!(post_from(&service, ELSEWHERE, "login-passkey", path, &body).await.status, 200);
        let mails = service.mails(2).await;
        assert_eq!((mails.len(), &mails[0]["subject"]), (2, &json!("New login to your MedTWIN account")));
        assert!(text(&mails[0], "text").contains(&format!(" from the IP address {ELSEWHERE}.")), "{mails:?}");
    }
}

#[tokio::test]
async fn invitations_beyond_300_in_an_hour_return_429() {
    let service = OwnService::start_with_mail().await;
    let (account, other) = (service.account().await, service.account().await);
    let invited = service.invite(&account.session, &new_address(), &["read"]).await;
    let again = format!("/v1/members/{}/invite", text(&invited, "id"));
    for _ in 1..300 {
        service.post(&again, &account.session, json!(null)).await.expect(200);
    }
    service.time.pass(60);
    let body = json!({"email": new_address(), "permissions": ["read"]});
    for (path, body) in [(&*again, json!(null)), ("/v1/members", body.clone())] {
        let response = service.post(path, &account.session, body).await;
        response.assert_error(429, "RATE_LIMITED");
        let wait: i64 = response.header("retry-after").expect("a header").parse().expect("seconds");
        // The rest of the hour. The clock of the service runs.
        assert!((3000..=3540).contains(&wait), "{path}: {wait}");
    }
    service.invite(&other.session, &new_address(), &["read"]).await;
    service.time.pass(3540);
    let admin = service.login(&account.email).await;
    service.post("/v1/members", &admin, body).await.expect(201);
}

#[tokio::test]
async fn second_step_of_a_login_from_a_new_source_is_reported() {
    let service = OwnService::start_with_mail().await;
    let account = service.account().await;
    let (_, passkey) = service.add_passkey(&account.session).await;
    let first = attempt_from(&service, ELSEWHERE, &account.email, PASSWORD).await;
    let first: Value = serde_json::from_str(&first.body).expect("JSON");
    let body = json!({
        "login_token": first["second_factor"]["login_token"], "recovery_code": passkey["recovery_codes"][0],
    });
    let path = "/v1/auth/login/second-factor";
    assert_eq!(post_from(&service, ELSEWHERE, "login-passkey", path, &body).await.status, 200);
    let mails = service.mails(3).await;
    let mut subjects: Vec<_> = mails.iter().map(|mail| text(mail, "subject")).collect();
    subjects.sort_unstable();
    let expected = [
        "A passkey was added to your MedTWIN login",
        "A recovery code was used for your MedTWIN login",
        "New login to your MedTWIN account",
    ];
    assert_eq!(subjects, expected);
}

#[tokio::test]
async fn commands_of_the_operator_for_a_whole_account_are_reported_to_its_admins() {
    let service = OwnService::start_with_mail().await;
    let account = service.account().await;
    let id = service.member(&account.session, &["admin"]).await.1;
    // The invitation, and the new admin to both admins.
    let mut expected = service.mails(3).await.len();
    for (command, subject) in [
        (
            json!({"grant_admin": {"account_id": account.id, "user_id": id}}),
            "The operator gave a member all permissions in MedTWIN",
        ),
        (
            json!({"set_policy": {"account_id": account.id, "policy": {"idle_key_days": 30}}}),
            "The operator changed the policy of your MedTWIN account",
        ),
    ] {
        // The repetition changes nothing.
        for _ in 0..2 {
            service.operate(command.clone()).await.expect("the command succeeds");
        }
        expected += 2;
        let mails = service.mails(expected).await;
        assert_eq!(mails.len(), expected, "{mails:?}");
        let reported = mails.iter().filter(|mail| mail["subject"] == subject).count();
        assert_eq!(reported, 2, "{subject}: {mails:?}");
    }
}

#[tokio::test]
async fn new_admin_is_reported_to_the_ten_admins_who_joined_first() {
    let service = OwnService::start_with_mail().await;
    let account = service.account().await;
    let first = service.member(&account.session, &["read"]).await.1;
    // The first member gets a mail about each of the others, and so do those who joined before.
    let mut admins = vec![account.email.clone()];
    admins.extend(colleagues(&service, &account.session, &["admin"], 11).await);
    let invitations = 12;
    let before = invitations + (2..=12_usize).map(|admins| admins.min(10)).sum::<usize>();
    assert_eq!(service.mails(before).await.len(), before);

    let path = format!("/v1/members/{first}");
    for (change, reported) in [
        (json!({"permissions": ["read", "admin"]}), true),
        (json!({"permissions": ["admin"]}), false),
        (json!({"permissions": ["read"]}), false),
    ] {
        let before = service.mails(before).await.len();
        service.patch(&path, &account.session, change.clone()).await.expect(200);
        let mails = service.mails(before + if reported { 10 } else { 0 }).await;
        let reported_to = recipients(&mails[..mails.len() - before]);
        if reported {
            // The changed member joined second.
            let mut expected: Vec<_> = admins[..9].iter().map(String::as_str).collect();
            assert_eq!(reported_to.len(), 10, "{change}");
            expected.retain(|address| !reported_to.contains(address));
            assert!(expected.is_empty(), "{change}: {expected:?} got no mail");
            assert!(mails.iter().take(10).all(|mail| text(mail, "text").contains(&first)), "{change}");
        } else {
            assert!(reported_to.is_empty(), "{change}");
        }
    }
    service.member(&account.session, &["read"]).await;
    assert_eq!(service.mails(before + 11).await.len(), before + 11);
}

#[tokio::test]
async fn invitation_goes_to_the_address_alone() {
    let service = OwnService::start_with_mail().await;
    let account = service.account().await;
    let email = new_address();
    let invited = service.invite(&account.session, &email, &["read"]).await;
    assert_eq!(invited["invitation"], json!({"expires_at": "2026-02-06T00:00:00Z"}));
    let mails = service.mails(1).await;
    assert_eq!(recipients(&mails), [&email]);
    assert_eq!(mails[0]["subject"], "You are invited to MedTWIN");
    let body = text(&mails[0], "text");
    assert!(body.contains("/dashboard#/accept-invitation/invite_"), "{body}");
    assert!(body.contains("until 2026-02-06 at 00:00 UTC"), "{body}");
    let path = format!("/v1/members/{}/invite", text(&invited, "id"));
    let again = service.post(&path, &account.session, json!({})).await.expect(200);
    assert_eq!(again["invitation"], invited["invitation"]);
    assert_eq!(service.mails(2).await.len(), 2);
    // The newest mail has the valid token.
    service.accept(&invited).await;

    let command = json!({"create_account": {"name": "Study", "email": new_address()}});
    let created = service.operate(command.clone()).await.expect("the account is created");
    assert_eq!(created["invitation"], invited["invitation"]);
    let member = json!({"account_id": created["account_id"], "user_id": created["user_id"]});
    let again = service.operate(json!({"invite_again": member})).await.expect("an invitation");
    assert_eq!(again["invitation"], invited["invitation"]);
    let mails = service.mails(4).await;
    assert_eq!(mails.iter().filter(|mail| mail["to"] == command["create_account"]["email"]).count(), 2);
}

#[tokio::test]
async fn enabled_password_is_reported_to_the_member() {
    let service = OwnService::start_with_mail().await;
    let account = service.account().await;
    let command = json!({"enable_password": {"email": account.email}});
    service.operate(command).await.expect("the password is enabled");
    let mails = service.mails(1).await;
    assert_eq!(recipients(&mails), [&account.email]);
    assert_eq!(mails[0]["subject"], "The operator enabled your MedTWIN password");
    // The operator may also send the command while the password works.
    let body = text(&mails[0], "text");
    assert!(body.starts_with("The operator of the service reset the count of failed logins "), "{body}");
}

#[tokio::test]
async fn mail_is_not_sent_without_a_sender() {
    let service = Service::start().await;
    let account = service.account().await;
    change_password(&service, &account.session).await;
    // Nothing hands a mail over then, so this is a mistake of whoever invokes the function.
    let error = service.invoke("mail", &event(&account)).await.expect_err("there is no sender");
    assert_eq!((&*error.error_type, &*error.error_message), ("INTERNAL", "Internal error"));
}

#[tokio::test]
async fn malformed_event_is_rejected() {
    let service = OwnService::start_with_mail().await;
    let account = service.account().await;
    let mut unknown_field = event(&account);
    unknown_field["cc"] = json!([account.email]);
    let mut unknown_message = event(&account);
    unknown_message["message"] = json!({"lottery": {}});
    let mut malformed_address = event(&account);
    malformed_address["to"] = json!({"address": "a@example.com, b@example.com"});
    for event in [unknown_field, unknown_message, malformed_address, json!({}), json!("help")] {
        let error = service.invoke("mail", &event).await.expect_err("the event is rejected");
        assert_eq!(error.error_type, "BAD_REQUEST", "{event}");
    }
    service.invoke("mail", &event(&account)).await.expect("the mail is sent");
    assert_eq!(service.mails(1).await.len(), 1);
}

#[tokio::test]
async fn unreachable_ses_changes_no_response_and_is_counted() {
    let log = CapturedLog::start(LevelFilter::INFO);
    let service = OwnService::start_with(|options| {
        options.mail = Some(|_, _| ());
        options.ses = Some(UNREACHABLE.to_owned());
    })
    .await;
    let account = service.account().await;
    change_password(&service, &account.session).await;
    let error = service.invoke("mail", &event(&account)).await.expect_err("the mail is not sent");
    assert_eq!(error.error_type, "UNAVAILABLE");
    let records = log.take_records();
    let failed: Vec<_> =
        records.iter().filter(|record| record["operation"] == "mail password_changed").collect();
    assert!(!failed.is_empty(), "{records:?}");
    for record in failed {
        assert_eq!(
            (&record["Outcome"], &record["reason"]),
            (&json!("failed"), &json!("SES failed: connection failed"))
        );
        assert_eq!(record["MailFailures"], 1, "{record}");
        assert!(!record.to_string().contains(&account.email), "{record}");
    }
}

#[tokio::test]
async fn mail_that_cannot_be_handed_over_changes_no_response_and_is_counted() {
    // Nobody accepts its connections, so there is no response.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let silent = (format!("http://{}", silent.local_addr().expect("an address")), silent);
    for (lambda, reason) in [(UNREACHABLE, "connection failed"), (&silent.0, "deadline has elapsed")] {
        let log = CapturedLog::start(LevelFilter::INFO);
        let service = OwnService::start_with(|options| {
            make_lambda_unreachable(options);
            options.invoked_lambda = Some(lambda.to_owned());
        })
        .await;
        let account = service.account().await;
        change_password(&service, &account.session).await;
        let records = log.take_records();
        let mut failures =
            records.iter().filter(|record| record["message"] == "a mail could not be handed over");
        let failure = failures.next().expect("a failure");
        assert_eq!(failure["reason"], format!("an event could not be handed over: {reason}"));
        assert_eq!((&failure["mail"], failures.next()), (&json!("password_changed"), None));
        let counted: Vec<_> = records.iter().filter(|record| !record["MailFailures"].is_null()).collect();
        let [counted] = counted[..] else { panic!("{counted:?}") };
        assert_eq!(counted["MailFailures"], 1);
        assert_eq!(counted["operation"], "POST /v1/auth/password");
        assert!(!records.iter().any(|record| record.to_string().contains(&account.email)), "{records:?}");
    }
}

/// Starts an Amazon SES that refuses mails to one address. Returns its URL and the recipient and the content of each accepted mail.
async fn ses_that_refuses(refused: String) -> (String, UnboundedReceiver<(String, Value)>) {
    let (sender, accepted) = mpsc::unbounded_channel();
    let respond = move |mut mail: Value| {
        let to = mail["Destination"]["ToAddresses"][0].as_str().expect("a recipient").to_owned();
        if to == refused {
            let error = [("x-amzn-errortype", "MessageRejected")];
            return (StatusCode::BAD_REQUEST, error, Json(json!({"message": "refused"}))).into_response();
        }
        sender.send((to, mail["Content"]["Simple"].take())).expect("the test is running");
        Json(json!({"MessageId": "1"})).into_response()
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let router =
        Router::new().route("/v2/email/outbound-emails", post(move |Json(mail)| ready(respond(mail))));
    tokio::spawn(axum::serve(listener, router).into_future());
    (url, accepted)
}

#[tokio::test]
async fn mail_that_one_of_two_admins_cannot_get_is_sent_to_the_other_once_and_counted() {
    let refused = new_address();
    let (url, mut accepted) = ses_that_refuses(refused.clone()).await;
    let log = CapturedLog::start(LevelFilter::INFO);
    let service = OwnService::start_with(|options| {
        options.mail = Some(|_, _| ());
        options.ses = Some(url);
    })
    .await;
    let account = service.account_with_email(refused).await;
    let other = new_address();
    service.invite(&account.session, &other, &["admin"]).await;
    let mut next = async || {
        timeout(Duration::from_secs(20), accepted.recv()).await.expect("a mail in time").expect("a mail")
    };
    let (_, invitation) = next().await;
    let body = text(&invitation["Body"]["Text"], "Data");
    let token = invitation_token(body).expect("a token");
    service.try_to_accept(token, PASSWORD).await.expect(200);
    let (_, report) = next().await;
    assert!(text(&report["Subject"], "Data").contains("admin"), "{report}");
    log.take_records();

    let mut event = event(&account);
    event["to"] = json!("admins");
    service.invoke("mail", &event).await.expect("one mail is sent");
    let (to, mail) = accepted.try_recv().expect("the mail");
    assert_eq!((to, text(&mail["Subject"], "Data")), (other, "Your MedTWIN password was changed"));
    assert!(accepted.try_recv().is_err(), "the other admin got a second mail");
    let records = log.take_records();
    let record = records.iter().find(|record| record["operation"] == "mail password_changed");
    let record = record.expect("the record of the invocation");
    assert_eq!((&record["Outcome"], &record["MailFailures"]), (&json!("succeeded"), &json!(1)));
}

#[tokio::test]
async fn mails_are_not_shown_to_web_pages() {
    let service = OwnService::start_with_mail().await;
    for header in ["Origin: http://evil.example", "Sec-Fetch-Site: cross-site", "Host: rebound.example"] {
        let response = service.exchange("GET /_local/mail", &[header.as_bytes()], "").await;
        assert!(response.starts_with("HTTP/1.1 403 "), "{header}: {response}");
    }
    assert!(service.exchange("GET /_local/mail", &[], "").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn changes_and_uses_of_a_second_factor_are_reported_to_the_member() {
    let service = OwnService::start_with_mail().await;
    let account = service.account().await;
    let mut authenticator = Authenticator { counter: 5, ..Authenticator::new(&service.origin()) };
    let body = service.new_passkey(&account.session, &mut authenticator).await;
    let passkey = service.post("/v1/auth/passkeys", &account.session, body).await.expect(201);
    let mut subjects = vec!["A passkey was added to your MedTWIN login"];
    let pending = service.second_factor(&account.email).await;
    let body = json!({"login_token": pending["login_token"], "recovery_code": passkey["recovery_codes"][0]});
    service.request("POST", "/v1/auth/login/second-factor").json(&body).send().await.expect(200);
    subjects.insert(0, "A recovery code was used for your MedTWIN login");
    // The copy has the counter that the original had before.
    let mut copy = authenticator.clone();
    service.login_with_passkey(&mut authenticator).await;
    assert_eq!(service.mails(subjects.len()).await.len(), subjects.len());
    service.login_with_passkey(&mut copy).await;
    subjects.insert(0, "There may be a copy of your MedTWIN passkey");
    service.mails(subjects.len()).await;
    let path = format!("/v1/auth/passkeys/{}", text(&passkey, "id"));
    service.delete(&path, &account.session).await.expect(204);
    subjects.insert(0, "A passkey was removed from your MedTWIN login");
    let mails = service.mails(subjects.len()).await;
    assert!(mails.iter().all(|mail| mail["to"] == account.email.as_str()), "{mails:?}");
    assert_eq!(mails.iter().map(|mail| text(mail, "subject")).collect::<Vec<_>>(), subjects);
}
