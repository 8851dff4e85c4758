//! `POST /v1/members`, `POST /v1/members/{user_id}/invite` and `POST /v1/auth/accept-invitation`.

use serde_json::{Value, json};
use tracing_subscriber::filter::LevelFilter;

use crate::{
    deployment::logs::CapturedLog,
    response::{Response, text},
    service::{Credential, OwnService, PASSWORD, Service, new_address},
};

const DAY: i64 = 24 * 60 * 60;

fn token(invited: &Value) -> &str {
    text(&invited["invitation"], "token")
}

fn path(invited: &Value) -> String {
    format!("/v1/members/{}", text(invited, "id"))
}

/// Invites the member again. Returns the response.
async fn invite_again(service: &Service, credential: &Credential, invited: &Value) -> Response {
    service.post(&format!("{}/invite", path(invited)), credential, json!({})).await
}

#[tokio::test]
async fn invited_member_accepts_with_a_password_and_is_logged_in() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let invited = service.invite(&account.session, "New.One@Example.com", &["admin", "read"]).await;
    let id = text(&invited, "id");
    assert!(token(&invited).starts_with("invite_"), "{invited}");
    let expected = json!({
        "id": id,
        "email": "new.one@example.com",
        "permissions": ["read", "admin"],
        "status": "invited",
        "created_at": "2026-01-30T00:00:00Z",
        "invitation": {"expires_at": "2026-02-06T00:00:00Z", "token": token(&invited)},
    });
    assert_eq!(invited, expected);
    let shown = service.get(&path(&invited), &account.session).await.expect(200);
    assert_eq!(shown, crate::response::without(&expected, "invitation"));

    let accepted = service.try_to_accept(token(&invited), PASSWORD).await.expect(200);
    assert_eq!(accepted["expires_at"], "2026-01-30T12:00:00Z");
    let session = Credential::session(text(&accepted, "session_token"));
    let me = service.me(&session).await.expect(200);
    assert_eq!((&me["account_id"], &me["user_id"]), (&json!(account.id), &json!(id)));
    assert_eq!(me["factors"], json!(["password"]));
    let shown = service.get(&path(&invited), &account.session).await.expect(200);
    assert_eq!(shown["status"], "active");
    service.login("new.one@example.com").await;
}

#[tokio::test]
async fn member_cannot_log_in_before_the_acceptance() {
    let service = Service::start().await;
    let account = service.account().await;
    let email = new_address();
    service.invite(&account.session, &email, &["read"]).await;
    let body = json!({"email": email, "password": PASSWORD});
    service.request("POST", "/v1/auth/login").json(&body).send().await.assert_error(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn invitation_works_once() {
    let service = Service::start().await;
    let account = service.account().await;
    let invited = service.invite(&account.session, &new_address(), &["read"]).await;
    service.accept(&invited).await;
    for password in [PASSWORD, "two lizards on the wall"] {
        service.try_to_accept(token(&invited), password).await.assert_unauthorized_by_function();
    }
}

#[tokio::test]
async fn rejected_password_does_not_use_up_the_invitation() {
    let service = Service::start().await;
    let account = service.account().await;
    let unique = new_address().replace(['@', '.'], "");
    let email = format!("grace.hopper@{unique}.example");
    let invited = service.invite(&account.session, &email, &["read"]).await;
    for rejected in ["fourteen chars", "passwordpassword", "thisismypassword", "grace.hopper1906", &email] {
        service.try_to_accept(token(&invited), rejected).await.assert_bad_field("password");
    }
    service.accept(&invited).await;
}

#[tokio::test]
async fn malformed_or_unknown_token_returns_401() {
    let service = Service::start().await;
    let account = service.account().await;
    let invited = service.invite(&account.session, &new_address(), &["read"]).await;
    let valid = token(&invited);
    let altered = format!("{}{}", &valid[..valid.len() - 1], if valid.ends_with('0') { '1' } else { '0' });
    for wrong in ["", "invite_", "x", &altered, &valid.to_uppercase(), account.session.token()] {
        for password in [PASSWORD, "short"] {
            service.try_to_accept(wrong, password).await.assert_unauthorized_by_function();
        }
    }
    // A token is no credential.
    for scheme in ["Bearer", "Session"] {
        service.me(&Credential(format!("{scheme} {valid}"))).await.assert_unauthorized();
    }
    service.accept(&invited).await;
}

#[tokio::test]
async fn invitation_expires_after_seven_days() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let [valid, expired] = [
        service.invite(&account.session, &new_address(), &["read"]).await,
        service.invite(&account.session, &new_address(), &["read"]).await,
    ];
    service.time.pass(7 * DAY - 1);
    service.time.back_to_second_start();
    service.accept(&valid).await;
    service.time.pass(1);
    service.try_to_accept(token(&expired), PASSWORD).await.assert_unauthorized_by_function();
    // The member stays invited, and can be invited again.
    let session = service.login(&account.email).await;
    assert_eq!(service.get(&path(&expired), &session).await.expect(200)["status"], "invited");
    let again = invite_again(&service, &session, &expired).await.expect(200);
    service.accept(&again).await;
}

#[tokio::test]
async fn rejected_invitation_is_logged_with_its_reason() {
    let log = CapturedLog::start(LevelFilter::INFO);
    let service = OwnService::start().await;
    let account = service.account().await;
    let invite = async || service.invite(&account.session, &new_address(), &["read"]).await;
    let reason = async |invited: &Value| {
        log.take_records();
        service.try_to_accept(token(invited), PASSWORD).await.assert_unauthorized_by_function();
        let records = log.take_records();
        let record = records.iter().find(|record| record["Outcome"] == "refused").expect("a record");
        record["reason"].clone()
    };
    let [replaced, removed, ended, expired] =
        [invite().await, invite().await, invite().await, invite().await];
    invite_again(&service, &account.session, &replaced).await.expect(200);
    assert_eq!(reason(&replaced).await, "wrong secret");
    service.delete(&path(&removed), &account.session).await.expect(204);
    assert_eq!(reason(&removed).await, "unknown credential");
    let end = json!({"end_all_credentials": {"account_id": account.id}});
    service.operate(end).await.expect("all credentials end");
    assert_eq!(reason(&ended).await, "session ended");
    service.time.pass(7 * DAY);
    assert_eq!(reason(&expired).await, "expired");
}

#[tokio::test]
async fn new_invitation_ends_the_previous_one() {
    let service = Service::start().await;
    let account = service.account().await;
    let first = service.invite(&account.session, &new_address(), &["read"]).await;
    let second = invite_again(&service, &account.session, &first).await.expect(200);
    assert_ne!(token(&first), token(&second));
    assert_eq!((&first["id"], &second["status"]), (&second["id"], &json!("invited")));
    service.try_to_accept(token(&first), PASSWORD).await.assert_unauthorized_by_function();
    service.accept(&second).await;
}

#[tokio::test]
async fn inviting_again_needs_all_permissions_of_an_invited_member() {
    let service = Service::start().await;
    let account = service.account().await;
    let (admin, _) = service.member(&account.session, &["read", "admin"]).await;
    let invited = service.invite(&account.session, &new_address(), &["read", "write"]).await;
    invite_again(&service, &admin, &invited).await.assert_forbidden();
    service.accept(&invited).await;
    let response = invite_again(&service, &account.session, &invited).await;
    response.assert_error(409, "CONFLICT");
    let unknown = json!({"id": "user_0000000000000000"});
    invite_again(&service, &account.session, &unknown).await.assert_not_found();
    let other = service.account().await;
    let foreign = service.invite(&other.session, &new_address(), &["read"]).await;
    invite_again(&service, &account.session, &foreign).await.assert_not_found();
    service.accept(&foreign).await;
}

#[tokio::test]
async fn removal_or_suspension_ends_the_invitation() {
    let service = Service::start().await;
    let account = service.account().await;
    let invite = async || service.invite(&account.session, &new_address(), &["read"]).await;
    let patch = async |invited: &Value, status| {
        service.patch(&path(invited), &account.session, json!({"status": status})).await.expect(200)
    };
    let removed = invite().await;
    service.delete(&path(&removed), &account.session).await.expect(204);
    service.try_to_accept(token(&removed), PASSWORD).await.assert_unauthorized_by_function();
    // The address is free again.
    service.invite(&account.session, text(&removed, "email"), &["read"]).await;

    let suspended = invite().await;
    assert_eq!(patch(&suspended, "suspended").await["status"], "suspended");
    service.try_to_accept(token(&suspended), PASSWORD).await.assert_unauthorized_by_function();
    invite_again(&service, &account.session, &suspended).await.assert_error(409, "CONFLICT");
    // Whoever has no password is invited again, not active. The ended invitation stays ended.
    assert_eq!(patch(&suspended, "active").await["status"], "invited");
    service.try_to_accept(token(&suspended), PASSWORD).await.assert_unauthorized_by_function();
    let again = invite_again(&service, &account.session, &suspended).await.expect(200);
    service.accept(&again).await;

    let in_suspended_account = invite().await;
    service.suspend(&account).await;
    service.try_to_accept(token(&in_suspended_account), PASSWORD).await.assert_unauthorized_by_function();
    service.restore(&account).await;
    service.try_to_accept(token(&in_suspended_account), PASSWORD).await.assert_unauthorized_by_function();
}

#[tokio::test]
async fn address_is_claimed_only_by_the_acceptance() {
    let service = Service::start().await;
    let (account, other) = (service.account().await, service.account().await);
    let email = new_address();
    let first = service.invite(&account.session, &email, &["read"]).await;
    let second = service.invite(&other.session, &email, &["read"]).await;
    // An invitation blocks nobody.
    let third = service.account_with_email(email.clone()).await;
    service.login(&third.email).await;
    for invited in [&first, &second] {
        let response = service.try_to_accept(token(invited), PASSWORD).await;
        response.assert_error(409, "CONFLICT");
    }
    // To remove a member who has not accepted frees nobody else's address.
    service.delete(&path(&first), &account.session).await.expect(204);
    service.login(&third.email).await;
}

#[tokio::test]
async fn accepted_admin_counts_as_an_active_one() {
    let service = Service::start().await;
    let account = service.account().await;
    let (second, _) = service.member(&account.session, &["read", "write", "delete", "admin"]).await;
    let own = format!("/v1/members/{}", account.user_id);
    service.delete(&own, &account.session).await.expect(204);
    let second_id = text(&service.me(&second).await.body, "user_id").to_owned();
    service.delete(&format!("/v1/members/{second_id}"), &second).await.assert_error(409, "CONFLICT");
}

#[tokio::test]
async fn changed_permissions_of_an_invited_member_apply_after_the_acceptance() {
    let service = Service::start().await;
    let account = service.account().await;
    let invited = service.invite(&account.session, &new_address(), &["read", "write"]).await;
    let changed = json!({"permissions": ["write"]});
    let shown = service.patch(&path(&invited), &account.session, changed).await.expect(200);
    assert_eq!((&shown["status"], &shown["permissions"]), (&json!("invited"), &json!(["write"])));
    let session = service.accept(&invited).await;
    assert_eq!(service.me(&session).await.expect(200)["permissions"], json!(["write"]));
}

#[tokio::test]
async fn invitation_of_a_member_who_gains_a_permission_returns_401() {
    let service = Service::start().await;
    let account = service.account().await;
    let (by, _) = service.member(&account.session, &["read", "admin"]).await;
    let all = json!(["read", "write", "delete", "admin"]);
    for by_operator in [false, true] {
        let invited = service.invite(&by, &new_address(), &["read"]).await;
        if by_operator {
            let member = json!({"account_id": account.id, "user_id": invited["id"]});
            service.operate(json!({"grant_admin": member})).await.expect("the permissions");
        } else {
            let changed = json!({"permissions": all});
            service.patch(&path(&invited), &account.session, changed).await.expect(200);
        }
        // The inviter knows the token, and lacks two of the permissions.
        let token = text(&invited["invitation"], "token");
        service.try_to_accept(token, PASSWORD).await.expect(401);
        invite_again(&service, &by, &invited).await.expect(403);
        let again = invite_again(&service, &account.session, &invited).await.expect(200);
        let session = service.accept(&again).await;
        assert_eq!(service.me(&session).await.expect(200)["permissions"], all);
    }
}

#[tokio::test]
async fn invitation_and_acceptance_are_recorded() {
    let service = Service::start().await;
    let account = service.account().await;
    let invited = service.invite(&account.session, &new_address(), &["read"]).await;
    let again = invite_again(&service, &account.session, &invited).await.expect(200);
    let session = service.accept(&again).await;
    let events = service.get("/v1/audit-events?limit=3", &account.session).await.expect(200);
    let events = events["data"].as_array().expect("a list").clone();
    let types: Vec<_> = events.iter().map(|event| text(event, "type")).collect();
    assert_eq!(types, ["member.accepted", "member.invited", "member.invited"]);
    for event in &events {
        assert_eq!((&event["user_id"], &event["email"]), (&invited["id"], &invited["email"]));
    }
    assert_eq!(events[0]["actor"]["user_id"], invited["id"]);
    assert_eq!(events[1]["actor"]["user_id"], json!(account.user_id));
    service.me(&session).await.expect(200);
}
