//! `/v1/members`.

use serde_json::{Value, json};

use crate::{
    response::{Response, text},
    service::{Account, Credential, OwnService, PASSWORD, Service, new_address},
};

const ALL: [&str; 4] = ["read", "write", "delete", "admin"];

fn path(user_id: &str) -> String {
    format!("/v1/members/{user_id}")
}

fn sessions_of(user_id: &str) -> String {
    format!("/v1/members/{user_id}/sessions")
}

/// Creates a member of the account. Returns the response.
async fn create(service: &Service, account: &Account, permissions: &[&str]) -> Value {
    let body = json!({"email": new_address(), "password": PASSWORD, "permissions": permissions});
    service.post("/v1/members", &account.session, body).await.expect(201)
}

async fn login(service: &Service, email: &str) -> Response {
    let body = json!({"email": email, "password": PASSWORD});
    service.request("POST", "/v1/auth/login").json(&body).send().await
}

#[track_caller]
fn assert_conflict(response: &Response, message: &str) {
    response.assert_error(409, "CONFLICT");
    assert_eq!(response.body["error"]["message"], message);
}

#[track_caller]
fn assert_last_admin(response: &Response) {
    assert_conflict(response, "An account must have at least one active admin");
}

#[tokio::test]
async fn create_returns_201_and_the_member_can_log_in() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let body =
        json!({"email": "New.One@Example.com", "password": PASSWORD, "permissions": ["admin", "read"]});
    let record = service.post("/v1/members", &account.session, body).await.expect(201);
    let id = text(&record, "id");
    assert!(id.starts_with("user_") && id.len() == 21, "{id}");
    let expected = json!({
        "id": id,
        "email": "new.one@example.com",
        "permissions": ["read", "admin"],
        "status": "active",
        "created_at": "2026-01-30T00:00:00Z",
    });
    assert_eq!(record, expected);
    let session = service.login("new.one@example.com").await;
    let me = service.me(&session).await.expect(200);
    assert_eq!((&me["account_id"], &me["user_id"]), (&json!(account.id), &json!(id)));
}

#[tokio::test]
async fn get_returns_the_created_member() {
    let service = Service::start().await;
    let account = service.account().await;
    let record = create(&service, &account, &["write"]).await;
    let shown = service.get(&path(text(&record, "id")), &account.session).await.expect(200);
    assert_eq!(shown, record);
}

#[tokio::test]
async fn list_is_newest_first_and_paginated() {
    let service = Service::start().await;
    let account = service.account().await;
    let mut all = vec![service.get(&path(&account.user_id), &account.session).await.expect(200)];
    for _ in 0..4 {
        all.insert(0, create(&service, &account, &["read"]).await);
    }
    let page = service.get("/v1/members", &account.session).await.expect(200);
    assert_eq!(page, json!({"data": all, "next_cursor": null}));
    let ids: Vec<_> = all.iter().map(|member| text(member, "id")).collect();
    for limit in [1, 2, 5] {
        assert_eq!(service.ids("/v1/members", &account.session, limit).await, ids);
    }
}

#[tokio::test]
async fn unknown_member_or_member_of_another_account_returns_404() {
    let service = Service::start().await;
    let account = service.account().await;
    let other = service.account().await;
    let in_other_account = path(&other.user_id);
    for path in [&in_other_account, "/v1/members/user_0000000000000000"] {
        service.get(path, &account.session).await.assert_not_found();
        service.patch(path, &account.session, json!({"permissions": ["read"]})).await.assert_not_found();
        service.patch(path, &account.session, json!({})).await.assert_not_found();
        service.delete(path, &account.session).await.assert_not_found();
        let sessions = format!("{path}/sessions");
        service.get(&sessions, &account.session).await.assert_not_found();
        service.delete(&sessions, &account.session).await.assert_not_found();
    }
    service.me(&other.session).await.expect(200);
    let unchanged = service.get(&in_other_account, &other.session).await.expect(200);
    assert_eq!((&unchanged["status"], &unchanged["permissions"]), (&json!("active"), &json!(ALL)));
}

#[tokio::test]
async fn key_without_admin_over_the_whole_account_returns_403_and_changes_nothing() {
    let service = Service::start().await;
    let account = service.account().await;
    let member = create(&service, &account, &["read"]).await;
    let member = path(text(&member, "id"));
    let before = service.get("/v1/members", &account.session).await.expect(200);
    let keys = [
        service.key(&account.session, json!({"permissions": ["read", "write", "delete"]})).await.0,
        service.key(&account.session, json!({"type": "test"})).await.0,
        service.key(&account.session, json!({"scope": {"projects": ["proj_a"]}})).await.0,
    ];
    for key in &keys {
        service.get("/v1/members", key).await.assert_forbidden();
        let new = json!({"email": "x@example.com", "password": PASSWORD, "permissions": ["read"]});
        service.post("/v1/members", key, new).await.assert_forbidden();
        service.get(&member, key).await.assert_forbidden();
        service.patch(&member, key, json!({"status": "suspended"})).await.assert_forbidden();
        service.delete(&member, key).await.assert_forbidden();
        service.get(&format!("{member}/sessions"), key).await.assert_forbidden();
        service.delete(&format!("{member}/sessions"), key).await.assert_forbidden();
    }
    assert_eq!(service.get("/v1/members", &account.session).await.expect(200), before);
    let (key, _) = service.key(&account.session, json!({})).await;
    assert_eq!(service.get("/v1/members", &key).await.expect(200), before);
}

#[tokio::test]
async fn session_without_admin_returns_403() {
    let service = Service::start().await;
    let account = service.account().await;
    let (session, id) = service.member(&account.session, &["read", "write", "delete"]).await;
    service.get("/v1/members", &session).await.assert_forbidden();
    // The member may not even read their own record.
    service.get(&path(&id), &session).await.assert_forbidden();
    service.patch(&path(&id), &session, json!({"permissions": ALL})).await.assert_forbidden();
    // Their own sessions are at `/v1/auth/sessions`.
    service.get(&sessions_of(&id), &session).await.assert_forbidden();
    service.delete(&sessions_of(&id), &session).await.assert_forbidden();
}

#[tokio::test]
async fn session_granting_a_permission_it_lacks_returns_403() {
    let service = Service::start().await;
    let account = service.account().await;
    let (reader, own_id) = service.member(&account.session, &["read", "admin"]).await;
    let new = |permissions: Value| json!({"email": new_address(), "password": PASSWORD, "permissions": permissions});
    for permissions in [json!(["write"]), json!(["read", "delete"]), json!(ALL)] {
        service.post("/v1/members", &reader, new(permissions)).await.assert_forbidden();
    }
    service.patch(&path(&own_id), &reader, json!({"permissions": ALL})).await.assert_forbidden();
    let created = service.post("/v1/members", &reader, new(json!(["read"]))).await.expect(201);
    let created = path(text(&created, "id"));
    service.patch(&created, &reader, json!({"permissions": ["read", "write"]})).await.assert_forbidden();
    service.patch(&created, &reader, json!({"permissions": ["admin"]})).await.expect(200);
    let shown = service.get(&created, &account.session).await.expect(200);
    assert_eq!(shown["permissions"], json!(["admin"]));
}

#[tokio::test]
async fn key_granting_a_permission_it_lacks_returns_403() {
    let service = Service::start().await;
    let account = service.account().await;
    let (key, _) = service.key(&account.session, json!({"permissions": ["admin"]})).await;
    let new = |permissions: Value| json!({"email": new_address(), "password": PASSWORD, "permissions": permissions});
    service.post("/v1/members", &key, new(json!(["read"]))).await.assert_forbidden();
    service.post("/v1/members", &key, new(json!(["admin"]))).await.expect(201);
}

#[tokio::test]
async fn keeping_or_removing_permissions_the_caller_lacks_returns_200() {
    let service = Service::start().await;
    let account = service.account().await;
    let (reader, _) = service.member(&account.session, &["read", "admin"]).await;
    let member = create(&service, &account, &ALL).await;
    let member = path(text(&member, "id"));
    service.patch(&member, &reader, json!({"permissions": ALL})).await.expect(200);
    let changed =
        service.patch(&member, &reader, json!({"permissions": ["write", "read"]})).await.expect(200);
    assert_eq!(changed["permissions"], json!(["read", "write"]));
    service.patch(&member, &reader, json!({"status": "suspended"})).await.expect(200);
}

#[tokio::test]
async fn reactivating_a_member_with_more_permissions_returns_403() {
    let service = Service::start().await;
    let account = service.account().await;
    let (reader, _) = service.member(&account.session, &["read", "admin"]).await;
    let member = create(&service, &account, &["read", "write"]).await;
    let member = path(text(&member, "id"));
    service.patch(&member, &reader, json!({"status": "suspended"})).await.expect(200);
    service.patch(&member, &reader, json!({"status": "active"})).await.assert_forbidden();
    let both = json!({"status": "active", "permissions": ["read"]});
    let changed = service.patch(&member, &reader, both).await.expect(200);
    assert_eq!((&changed["status"], &changed["permissions"]), (&json!("active"), &json!(["read"])));
}

#[tokio::test]
async fn demoting_suspending_or_removing_the_last_admin_returns_409() {
    let service = Service::start().await;
    let account = service.account().await;
    // Neither of these members counts: the first is not an admin, the second is not active.
    create(&service, &account, &["read", "write", "delete"]).await;
    let suspended = create(&service, &account, &ALL).await;
    let suspended = path(text(&suspended, "id"));
    service.patch(&suspended, &account.session, json!({"status": "suspended"})).await.expect(200);

    let last = path(&account.user_id);
    let before = service.get(&last, &account.session).await.expect(200);
    let patch = async |body| service.patch(&last, &account.session, body).await;
    assert_last_admin(&patch(json!({"permissions": ["read", "write", "delete"]})).await);
    assert_last_admin(&patch(json!({"status": "suspended"})).await);
    assert_last_admin(&patch(json!({"status": "suspended", "permissions": ["read"]})).await);
    assert_last_admin(&service.delete(&last, &account.session).await);
    assert_eq!(service.get(&last, &account.session).await.expect(200), before);
    service.get("/v1/members", &account.session).await.expect(200);

    // A change that keeps `admin` is allowed.
    patch(json!({"permissions": ["admin"]})).await.expect(200);
}

#[tokio::test]
async fn admin_can_be_removed_while_another_is_active() {
    let service = Service::start().await;
    let account = service.account().await;
    let (second, second_id) = service.member(&account.session, &ALL).await;
    let (third, third_id) = service.member(&account.session, &ALL).await;
    service.delete(&path(&account.user_id), &third).await.expect(204);
    let suspended =
        service.patch(&path(&third_id), &second, json!({"status": "suspended"})).await.expect(200);
    assert_last_admin(&service.delete(&path(&second_id), &second).await);
    service.patch(&path(&third_id), &second, json!({"status": "active"})).await.expect(200);
    service.patch(&path(&second_id), &second, json!({"permissions": ["read"]})).await.expect(200);
    let third = service.login(text(&suspended, "email")).await;
    assert_last_admin(&service.delete(&path(&third_id), &third).await);
}

#[tokio::test]
async fn changed_permissions_apply_to_existing_sessions_from_the_next_request() {
    let service = Service::start().await;
    let account = service.account().await;
    let (session, id) = service.member(&account.session, &["read"]).await;
    let create = async || service.post("/v1/projects", &session, json!({"name": "A"})).await;
    service.get("/v1/projects", &session).await.expect(200);
    create().await.assert_forbidden();
    let patch = json!({"permissions": ["write", "admin"]});
    service.patch(&path(&id), &account.session, patch).await.expect(200);
    service.get("/v1/projects", &session).await.assert_forbidden();
    create().await.expect(201);
    service.get("/v1/members", &session).await.expect(200);
    assert_eq!(service.me(&session).await.expect(200)["permissions"], json!(["write", "admin"]));
}

#[tokio::test]
async fn sessions_of_a_suspended_member_stay_invalid_after_reactivation() {
    let service = Service::start().await;
    let account = service.account().await;
    let (session, id) = service.member(&account.session, &["read"]).await;
    let patch = async |status| {
        service.patch(&path(&id), &account.session, json!({"status": status})).await.expect(200)
    };
    assert_eq!(patch("suspended").await["status"], "suspended");
    service.me(&session).await.assert_unauthorized();
    service.get("/v1/projects", &session).await.assert_unauthorized();
    let shown = patch("active").await;
    service.me(&session).await.assert_unauthorized();
    let new = service.login(text(&shown, "email")).await;
    service.me(&new).await.expect(200);
    // Setting the status of an active member to `active` does not end that member's sessions.
    patch("active").await;
    service.me(&new).await.expect(200);
}

#[tokio::test]
async fn removed_member_cannot_log_in_and_frees_the_address() {
    let service = Service::start().await;
    let account = service.account().await;
    let (session, id) = service.member(&account.session, &["read"]).await;
    let email = text(&service.me(&session).await.body, "email").to_owned();
    service.delete(&path(&id), &account.session).await.expect(204);
    service.me(&session).await.assert_unauthorized();
    login(&service, &email).await.assert_error(401, "UNAUTHORIZED");
    service.get(&path(&id), &account.session).await.assert_not_found();
    service.delete(&path(&id), &account.session).await.assert_not_found();
    assert_eq!(service.ids("/v1/members", &account.session, 50).await, [account.user_id.as_str()]);

    // The address can be used again, for a different member.
    let body = json!({"email": email, "password": PASSWORD, "permissions": ["read"]});
    let new = service.post("/v1/members", &account.session, body).await.expect(201);
    assert_ne!(new["id"], json!(id));
    service.me(&session).await.assert_unauthorized();
}

#[tokio::test]
async fn keys_stay_valid_after_their_creator_is_suspended_or_removed() {
    let service = Service::start().await;
    let account = service.account().await;
    let (session, id) = service.member(&account.session, &ALL).await;
    let (key, record) = service.key(&session, json!({})).await;
    service.patch(&path(&id), &account.session, json!({"status": "suspended"})).await.expect(200);
    service.get("/v1/projects", &key).await.expect(200);
    service.delete(&path(&id), &account.session).await.expect(204);
    service.get("/v1/projects", &key).await.expect(200);
    assert_eq!(service.ids("/v1/api-keys", &account.session, 50).await, [text(&record, "id")]);
}

#[tokio::test]
async fn address_of_another_member_returns_409() {
    let service = Service::start().await;
    let account = service.account().await;
    let other = service.account().await;
    let suspended = create(&service, &account, &["read"]).await;
    let email = text(&suspended, "email").to_owned();
    let patch = json!({"status": "suspended"});
    service.patch(&path(text(&suspended, "id")), &account.session, patch).await.expect(200);
    let before = service.get("/v1/members", &account.session).await.expect(200);
    for taken in [&account.email, &account.email.to_uppercase(), &other.email, &email] {
        let body = json!({"email": taken, "password": "a gecko under the 3rd lamp", "permissions": ["read"]});
        let response = service.post("/v1/members", &account.session, body).await;
        assert_conflict(&response, "The email address already belongs to a member");
    }
    assert_eq!(service.get("/v1/members", &account.session).await.expect(200), before);
    login(&service, &other.email).await.expect(200);
}

#[tokio::test]
async fn empty_patch_changes_nothing() {
    let service = Service::start().await;
    let account = service.account().await;
    let (session, id) = service.member(&account.session, &["read"]).await;
    let before = service.get(&path(&id), &account.session).await.expect(200);
    assert_eq!(service.patch(&path(&id), &account.session, json!({})).await.expect(200), before);
    service.me(&session).await.expect(200);
}

#[tokio::test]
async fn password_from_the_new_address_or_the_account_name_returns_400() {
    let service = Service::start().await;
    let admin = new_address();
    let account = json!({"name": "Neurology Würzburg", "email": admin, "password": PASSWORD});
    service.operate(json!({"create_account": account})).await.expect("the account is created");
    let session = service.login(&admin).await;
    let unique = new_address().replace(['@', '.'], "");
    let email = format!("grace.hopper@{unique}.example");
    let mut body = json!({"email": email, "permissions": ["read"]});
    for personal in [&email, "grace.hopper1906", "Neurology W\u{fc}rzburg 1", "hopper.neurology26"] {
        body["password"] = json!(personal);
        let response = service.post("/v1/members", &session, body.clone()).await;
        response.assert_bad_field("password");
        assert!(response.text.contains("too similar to the email address"), "{}", response.text);
        assert!(!response.text.contains(personal), "{}", response.text);
    }
    body["password"] = json!("grace sells marmalade to badgers");
    service.post("/v1/members", &session, body).await.expect(201);
}

#[tokio::test]
async fn malformed_field_returns_400() {
    let service = Service::start().await;
    let account = service.account().await;
    let valid = json!({"email": "x@example.com", "password": PASSWORD, "permissions": ["read"]});
    for (field, invalid) in [
        ("email", json!("x")),
        ("email", json!("x@example.com\n")),
        ("email", json!(format!("{}@example.com", "x".repeat(65)))),
        ("password", json!("fourteen chars")),
        ("password", json!("passwordpassword")),
        ("password", json!("thisismypassword")),
        ("password", json!("x@example.com 2026")),
        ("permissions", json!([])),
        ("permissions", json!(["read", "root"])),
    ] {
        let mut body = valid.clone();
        body[field] = invalid;
        service.post("/v1/members", &account.session, body).await.assert_bad_field(field);
    }
    for field in ["email", "password", "permissions"] {
        let body = crate::response::without(&valid, field);
        service.post("/v1/members", &account.session, body).await.assert_bad_field(field);
    }
    let own = path(&account.user_id);
    for (field, invalid) in
        [("status", json!("removed")), ("permissions", json!([])), ("email", json!("x@a.b"))]
    {
        service.patch(&own, &account.session, json!({field: invalid})).await.assert_bad_field(field);
    }
    assert_eq!(service.ids("/v1/members", &account.session, 50).await, [account.user_id.as_str()]);
}

#[tokio::test]
async fn without_credential_returns_401() {
    let service = Service::start().await;
    let account = service.account().await;
    let own = path(&account.user_id);
    for (method, path) in [("GET", "/v1/members"), ("POST", "/v1/members")] {
        service.request(method, path).json(&json!({})).send().await.assert_unauthorized();
    }
    for method in ["GET", "PATCH", "DELETE"] {
        service.request(method, &own).json(&json!({})).send().await.assert_unauthorized();
    }
}

#[tokio::test]
async fn list_contains_only_members_of_the_callers_account() {
    let service = Service::start().await;
    let (account, other) = (service.account().await, service.account().await);
    let (key, _): (Credential, _) = service.key(&other.session, json!({})).await;
    assert_eq!(service.ids("/v1/members", &key, 50).await, [other.user_id.as_str()]);
    assert_eq!(service.ids("/v1/members", &account.session, 50).await, [account.user_id.as_str()]);
}

#[tokio::test]
async fn admin_sees_the_sessions_of_a_member() {
    let service = Service::start().await;
    let account = service.account().await;
    let (first, id) = service.member(&account.session, &["read"]).await;
    let email = text(&service.me(&first).await.body, "email").to_owned();
    service.login(&email).await;
    let mut seen_by_member = service.get("/v1/auth/sessions", &first).await.expect(200);
    assert_eq!(seen_by_member["data"].as_array().map(Vec::len), Some(2));
    for session in seen_by_member["data"].as_array_mut().expect("a list") {
        session["current"] = json!(false);
    }
    let (key, _) = service.key(&account.session, json!({})).await;
    for admin in [&account.session, &key] {
        assert_eq!(service.get(&sessions_of(&id), admin).await.expect(200), seen_by_member);
    }
    // Only the session of the request itself is marked.
    let own = sessions_of(&account.user_id);
    assert_eq!(service.get(&own, &account.session).await.expect(200)["data"][0]["current"], true);
    assert_eq!(service.get(&own, &key).await.expect(200)["data"][0]["current"], false);
    let ids = service.ids(&sessions_of(&id), &account.session, 1).await;
    assert_eq!(ids, service.ids("/v1/auth/sessions", &first, 100).await);
}

#[tokio::test]
async fn list_of_sessions_omits_expired_and_ended_ones() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (session, id) = service.member(&account.session, &["read"]).await;
    let email = text(&service.me(&session).await.body, "email").to_owned();
    let (key, _) = service.key(&account.session, json!({})).await;
    let count = async || service.ids(&sessions_of(&id), &key, 100).await.len();
    assert_eq!(count().await, 1);
    service.patch(&path(&id), &key, json!({"status": "suspended"})).await.expect(200);
    assert_eq!(count().await, 0);
    service.patch(&path(&id), &key, json!({"status": "active"})).await.expect(200);
    assert_eq!(count().await, 0);
    service.login(&email).await;
    assert_eq!(count().await, 1);
    service.suspend(&account).await;
    service.restore(&account).await;
    assert_eq!(count().await, 0);
    service.login(&email).await;
    service.time.pass(3_600);
    assert_eq!(count().await, 0);
}

#[tokio::test]
async fn admin_ends_all_sessions_of_a_member_who_can_log_in_again() {
    let service = Service::start().await;
    let account = service.account().await;
    let (key, _) = service.key(&account.session, json!({})).await;
    // The session of an admin who holds less than the member can end their sessions: this takes nothing away for good.
    let (admin, _) = service.member(&account.session, &["admin"]).await;
    let (first, id) = service.member(&account.session, &["read", "write"]).await;
    let email = text(&service.me(&first).await.body, "email").to_owned();
    for by in [&account.session, &key, &admin] {
        let sessions = [service.login(&email).await, service.login(&email).await];
        for _ in 0..2 {
            service.delete(&sessions_of(&id), by).await.expect(204);
        }
        for session in sessions.iter().chain([&first]) {
            service.me(session).await.assert_unauthorized();
        }
        assert_eq!(service.ids(&sessions_of(&id), by, 100).await, [""; 0]);
    }
    service.me(&account.session).await.expect(200);
    service.me(&service.login(&email).await).await.expect(200);
}

#[tokio::test]
async fn admin_who_ends_their_own_sessions_is_logged_out() {
    let service = Service::start().await;
    let account = service.account().await;
    let other = service.login(&account.email).await;
    service.delete(&sessions_of(&account.user_id), &account.session).await.expect(204);
    for session in [&account.session, &other] {
        service.me(session).await.assert_unauthorized();
    }
    service.me(&service.login(&account.email).await).await.expect(200);
}

#[tokio::test]
async fn key_ending_the_sessions_of_an_admin_returns_403() {
    let service = Service::start().await;
    let account = service.account().await;
    let (key, _) = service.key(&account.session, json!({})).await;
    let (admin, id) = service.member(&account.session, &["read", "admin"]).await;
    for user_id in [&id, &account.user_id] {
        service.delete(&sessions_of(user_id), &key).await.assert_forbidden();
    }
    for session in [&account.session, &admin] {
        service.me(session).await.expect(200);
    }
}
