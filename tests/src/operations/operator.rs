//! The `operator` function.

use serde_json::{Value, json};

use crate::{
    response::text,
    service::{Account, Credential, OwnService, PASSWORD, Service, new_address},
};

/// A command that creates an account.
fn create(email: &str) -> Value {
    json!({"create_account": {"name": "Study", "email": email, "password": PASSWORD}})
}

/// Sends a command and returns the type of its error.
async fn error_type(service: &Service, command: Value) -> String {
    service.operate(command).await.expect_err("the command fails").error_type
}

#[tokio::test]
async fn create_account_creates_a_member_with_all_permissions() {
    let service = OwnService::start().await;
    let created = service.operate(create("First@Example.com")).await.expect("the account is created");
    let (account_id, user_id) = (text(&created, "account_id"), text(&created, "user_id"));
    assert_eq!(created, json!({"account_id": account_id, "user_id": user_id}));
    assert!(account_id.starts_with("acct_") && user_id.starts_with("user_"), "{created}");

    let session = service.login("first@example.com").await;
    let me = service.me(&session).await.expect(200);
    let expected = json!({
        "type": "session",
        "account_id": account_id,
        "user_id": user_id,
        "email": "first@example.com",
        "permissions": ["read", "write", "delete", "admin"],
        "expires_at": "2026-01-30T12:00:00Z",
        "authenticated_at": "2026-01-30T00:00:00Z",
        "factors": ["password"],
    });
    assert_eq!(me, expected);
    assert_eq!(service.ids("/v1/members", &session, 50).await, [user_id]);
    for list in ["/v1/api-keys", "/v1/projects"] {
        let empty = json!({"data": [], "next_cursor": null});
        assert_eq!(service.get(list, &session).await.expect(200), empty);
    }
}

#[tokio::test]
async fn create_account_with_a_taken_address_is_a_conflict() {
    let service = Service::start().await;
    let account = service.account().await;
    let (member, _) = service.member(&account.session, &["read"]).await;
    let member = text(&service.me(&member).await.body, "email").to_owned();
    for taken in [&account.email, &account.email.to_uppercase(), &member] {
        let error = service.operate(create(taken)).await.expect_err("the address is taken");
        assert_eq!(error.error_type, "CONFLICT");
        assert_eq!(error.error_message, "The email address already belongs to a member");
    }
    let me = service.me(&service.login(&account.email).await).await.expect(200);
    assert_eq!(me["account_id"], json!(account.id));
}

#[tokio::test]
async fn suspension_takes_effect_with_the_next_request() {
    let service = Service::start().await;
    let account = service.account().await;
    let (key, _) = service.key(&account.session, json!({})).await;
    let command = json!({"suspend_account": {"account_id": account.id}});
    let suspended = json!({"account_id": account.id, "status": "suspended"});
    assert_eq!(service.operate(command.clone()).await, Ok(suspended.clone()));
    for path in ["/v1/auth/me", "/v1/projects", "/v1/api-keys", "/v1/members"] {
        service.get(path, &key).await.assert_forbidden();
        service.get(path, &account.session).await.assert_unauthorized();
    }
    let again = service.operate(command).await;
    assert_eq!(again, Ok(suspended), "a suspended account can be suspended");
}

#[tokio::test]
async fn restoration_takes_effect_with_the_next_request() {
    let service = Service::start().await;
    let account = service.account().await;
    let (key, _) = service.key(&account.session, json!({})).await;
    service.suspend(&account).await;
    let command = json!({"restore_account": {"account_id": account.id}});
    let active = json!({"account_id": account.id, "status": "active"});
    assert_eq!(service.operate(command.clone()).await, Ok(active.clone()));
    service.get("/v1/projects", &key).await.expect(200);
    let session = service.login(&account.email).await;
    service.get("/v1/projects", &session).await.expect(200);
    assert_eq!(service.operate(command).await, Ok(active));
    // A repeated command ends no session.
    service.me(&session).await.expect(200);
}

#[tokio::test]
async fn sessions_of_a_suspended_account_stay_invalid_after_the_restoration() {
    let service = Service::start().await;
    let account = service.account().await;
    let (member, _) = service.member(&account.session, &["read"]).await;
    for _ in 0..2 {
        let new = service.login(&account.email).await;
        service.suspend(&account).await;
        service.restore(&account).await;
        for session in [&account.session, &member, &new] {
            service.me(session).await.assert_unauthorized();
        }
    }
    let session = service.login(&account.email).await;
    let sessions = service.get("/v1/auth/sessions", &session).await.expect(200);
    assert_eq!(sessions["data"].as_array().map(Vec::len), Some(1), "{sessions}");
}

#[tokio::test]
async fn suspension_during_a_login_ends_its_session_for_good() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let body = json!({"email": account.email, "password": PASSWORD});
    let login = service.request("POST", "/v1/auth/login").json(&body).send();
    // The first transaction reserves the attempt, the second one creates the session.
    let mut held = dynamodb.hold_second_call("TransactWriteItems");
    let suspend = async {
        held.arrived().await;
        service.suspend(&account).await;
        service.restore(&account).await;
        drop(held);
    };
    let (login, ()) = tokio::join!(login, suspend);
    let session = Credential::session(text(&login.expect(200), "session_token"));
    service.me(&session).await.assert_unauthorized();
}

#[tokio::test]
async fn suspension_affects_only_one_account() {
    let service = Service::start().await;
    let (account, other) = (service.account().await, service.account().await);
    service.suspend(&account).await;
    service.me(&account.session).await.assert_unauthorized();
    service.me(&other.session).await.expect(200);
    service.login(&other.email).await;
}

/// Reads the stored number of active admins of an account.
async fn active_admins(service: &OwnService, account: &Account) -> u32 {
    let stored = service.item(&account.partition(), "ACCOUNT").await.expect("the account");
    stored["active_admins"].as_n().expect("a number").parse().expect("a number")
}

#[tokio::test]
async fn grant_admin_gives_all_permissions_and_counts_only_a_new_active_admin() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let owner = &account.session;
    let (session, reader) = service.member(owner, &["read"]).await;
    let (_, admin) = service.member(owner, &["read", "admin"]).await;
    let invited = service.invite(owner, &new_address(), &["read"]).await;
    let (_, suspended) = service.member(owner, &["read"]).await;
    let path = format!("/v1/members/{suspended}");
    service.patch(&path, owner, json!({"status": "suspended"})).await.expect(200);
    let grant = |user: &str| json!({"grant_admin": {"account_id": account.id, "user_id": user}});
    let all = json!(["read", "write", "delete", "admin"]);
    for (user, status, admins) in [
        (reader.as_str(), "active", 3),
        (&admin, "active", 3),
        (text(&invited, "id"), "invited", 3),
        (&suspended, "suspended", 3),
    ] {
        for _ in 0..2 {
            let granted = json!({"account_id": account.id, "user_id": user});
            assert_eq!(service.operate(grant(user)).await, Ok(granted));
            assert_eq!(active_admins(&service, &account).await, admins, "{status}");
        }
        let shown = service.get(&format!("/v1/members/{user}"), owner).await.expect(200);
        assert_eq!((&shown["permissions"], &shown["status"]), (&all, &json!(status)));
    }
    assert_eq!(service.me(&session).await.expect(200)["permissions"], all);
    // The permissions have ended the invitation.
    let invite = format!("/v1/members/{}/invite", text(&invited, "id"));
    service.accept(&service.post(&invite, owner, json!({})).await.expect(200)).await;
    service.patch(&path, owner, json!({"status": "active"})).await.expect(200);
    assert_eq!(active_admins(&service, &account).await, 5);

    let members = service.get("/v1/members", owner).await.expect(200);
    let other = service.account().await;
    for command in [grant("user_0000000000000000"), grant(&other.user_id)] {
        assert_eq!(error_type(&service, command).await, "NOT_FOUND");
    }
    assert_eq!(service.get("/v1/members", owner).await.expect(200), members);
}

fn invite_again(account: &str, user: &str) -> Value {
    json!({"invite_again": {"account_id": account, "user_id": user}})
}

#[tokio::test]
async fn invite_again_lets_the_only_member_accept_after_the_invitation_has_ended() {
    let service = OwnService::start().await;
    let command = json!({"create_account": {"name": "Study", "email": new_address()}});
    let created = service.operate(command).await.expect("the account is created");
    let (account, user) = (text(&created, "account_id"), text(&created, "user_id"));
    let target = json!({"account_id": account});
    let commands = |names: &[&str]| names.iter().map(|name| json!({*name: target})).collect::<Vec<_>>();
    let mut invited = created.clone();
    for (seconds, ended_by) in [
        (7 * 24 * 60 * 60, &[][..]),
        (0, &["suspend_account", "restore_account"]),
        (0, &["end_all_credentials"]),
        // The new invitation ends one that is still valid.
        (0, &[]),
    ] {
        service.time.pass(seconds);
        for command in commands(ended_by) {
            service.operate(command).await.expect("the command succeeds");
        }
        let again = service.operate(invite_again(account, user)).await.expect("an invitation");
        let expires_at = service.time.in_seconds(7 * 24 * 60 * 60);
        let token = text(&again["invitation"], "token");
        let invitation = json!({"expires_at": expires_at, "token": token});
        assert_eq!(again, json!({"account_id": account, "user_id": user, "invitation": invitation}));
        let ended = text(&invited["invitation"], "token");
        service.try_to_accept(ended, PASSWORD).await.assert_unauthorized_by_function();
        invited = again;
    }
    let session = service.accept(&invited).await;
    assert_eq!(service.me(&session).await.expect(200)["user_id"], user);
    assert_eq!(error_type(&service, invite_again(account, user)).await, "CONFLICT");
    let events = service.get("/v1/audit-events?type=member.invited", &session).await.expect(200);
    let events = events["data"].as_array().expect("a list");
    assert_eq!(events.len(), 4);
    for event in events {
        assert_eq!((&event["actor"]["type"], &event["user_id"]), (&json!("operator"), &json!(user)));
    }
}

#[tokio::test]
async fn invite_again_of_a_member_who_is_not_invited_changes_nothing() {
    let service = OwnService::start().await;
    let (account, other) = (service.account().await, service.account().await);
    let invited = service.invite(&account.session, &new_address(), &["read"]).await;
    let user = text(&invited, "id");
    for command in [invite_again(&account.id, "user_0000000000000000"), invite_again(&other.id, user)] {
        assert_eq!(error_type(&service, command).await, "NOT_FOUND");
    }
    assert_eq!(error_type(&service, invite_again(&account.id, &account.user_id)).await, "CONFLICT");
    let suspended = service.invite(&account.session, &new_address(), &["read"]).await;
    let suspended = text(&suspended, "id");
    let path = format!("/v1/members/{suspended}");
    service.patch(&path, &account.session, json!({"status": "suspended"})).await.expect(200);
    assert_eq!(error_type(&service, invite_again(&account.id, suspended)).await, "CONFLICT");
    service.accept(&invited).await;

    let invited = service.invite(&account.session, &new_address(), &["read"]).await;
    service.suspend(&account).await;
    let error = service.operate(invite_again(&account.id, text(&invited, "id"))).await;
    assert_eq!(error.expect_err("a rejection").error_message, "The account is suspended");
}

#[tokio::test]
async fn invite_again_during_a_suspension_is_a_conflict() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let invited = service.invite(&account.session, &new_address(), &["read"]).await;
    let mut held = dynamodb.hold("TransactWriteItems");
    let suspend = async {
        held.arrived().await;
        service.suspend(&account).await;
        service.restore(&account).await;
        drop(held);
    };
    let command = invite_again(&account.id, text(&invited, "id"));
    let (result, ()) = tokio::join!(service.operate(command), suspend);
    assert_eq!(result.expect_err("the account has changed").error_type, "CONFLICT");
}

#[tokio::test]
async fn unknown_account_is_not_found() {
    let service = Service::start().await;
    let unknown = json!({"account_id": "acct_0000000000000000"});
    assert_eq!(error_type(&service, json!({"suspend_account": unknown})).await, "NOT_FOUND");
    assert_eq!(error_type(&service, json!({"restore_account": unknown})).await, "NOT_FOUND");
}

#[tokio::test]
async fn malformed_command_is_a_bad_request() {
    let service = Service::start().await;
    let account = service.account().await;
    let named = json!({"account_id": account.id});
    let new = &create("new@example.com")["create_account"];
    for command in [
        json!({}),
        json!(null),
        json!("suspend_account"),
        json!([{"suspend_account": named}]),
        json!({"suspend_account": null}),
        json!({"suspend_account": account.id}),
        json!({"suspend_account": {}}),
        json!({"suspend_account": {"account_id": "acct_"}}),
        json!({"suspend_account": {"account_id": account.user_id}}),
        json!({"suspend_account": {"account_id": account.id, "reason": "fraud"}}),
        json!({"suspend_account": named, "restore_account": named}),
        json!({"create_account": new, "suspend_account": named}),
        json!({"suspend_account": named, "dry_run": true}),
        json!({"delete_account": named}),
    ] {
        assert_eq!(error_type(&service, command.clone()).await, "BAD_REQUEST", "{command}");
    }
    service.me(&account.session).await.expect(200);
}

#[tokio::test]
async fn create_account_with_an_invalid_field_is_a_bad_request() {
    let service = Service::start().await;
    let email = new_address();
    for (field, invalid) in [
        ("name", json!("")),
        ("name", json!("x".repeat(101))),
        ("name", json!("a\u{7}b")),
        ("email", json!("nobody")),
        ("email", json!(null)),
        ("password", json!("fourteen chars")),
        ("password", json!("passwordpassword")),
        ("password", json!("correcthorsebatterystaple")),
        ("password", json!(email)),
        ("password", json!("Study Study Study 26")),
        ("plan", json!("free")),
    ] {
        let mut command = create(&email);
        command["create_account"][field] = invalid;
        assert_eq!(error_type(&service, command.clone()).await, "BAD_REQUEST", "{command}");
    }
    for field in ["name", "email"] {
        let rest = crate::response::without(&create(&email)["create_account"], field);
        assert_eq!(error_type(&service, json!({"create_account": rest})).await, "BAD_REQUEST", "{field}");
    }
    // None of the commands created the account: the address is still free.
    service.operate(create(&email)).await.expect("the account is created");
}

#[tokio::test]
async fn function_can_be_invoked_through_the_lambda_api() {
    let service = Service::start().await;
    let url = service.invocation_url("operator");
    let invoke = async |command: Value| {
        let response =
            reqwest::Client::new().post(&url).body(command.to_string()).send().await.expect("a response");
        assert_eq!(response.status(), 200);
        let error = response.headers().get("x-amz-function-error").cloned();
        (error, response.json::<Value>().await.expect("JSON"))
    };
    let email = new_address();
    let (error, created) = invoke(create(&email)).await;
    assert_eq!(error, None, "{created}");
    let session = service.login(&email).await;
    let account_id = &created["account_id"];
    let (error, result) = invoke(json!({"suspend_account": {"account_id": account_id}})).await;
    assert_eq!((error, result), (None, json!({"account_id": account_id, "status": "suspended"})));
    service.me(&session).await.assert_unauthorized();

    let (error, response) = invoke(create(&email)).await;
    assert_eq!(error.expect("a function error"), "Unhandled");
    let message = "The email address already belongs to a member";
    assert_eq!(response, json!({"errorType": "CONFLICT", "errorMessage": message}));
    let (error, response) = invoke(json!({})).await;
    assert_eq!((error.is_some(), &response["errorType"]), (true, &json!("BAD_REQUEST")));
}

#[tokio::test]
async fn function_has_no_route() {
    let service = Service::start().await;
    let account = service.account().await;
    let command = json!({"suspend_account": {"account_id": account.id}});
    for path in ["/v1/operator", "/operator", "/v1/operator/invocations"] {
        service.post(path, &account.session, command.clone()).await.assert_not_found();
    }
    service.me(&account.session).await.expect(200);
}
