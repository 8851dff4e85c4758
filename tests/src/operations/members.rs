//! `/v1/members`.

use aws_sdk_dynamodb::types::AttributeValue;
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

/// Creates a member of the account who has accepted the invitation. Returns the member.
async fn create(service: &Service, account: &Account, permissions: &[&str]) -> Value {
    let (_, id) = service.member(&account.session, permissions).await;
    service.get(&path(&id), &account.session).await.expect(200)
}

/// Returns a request body that invites a new member.
fn new(permissions: &Value) -> Value {
    json!({"email": new_address(), "permissions": permissions})
}

async fn login(service: &Service, email: &str) -> Response {
    let body = json!({"email": email, "password": PASSWORD});
    service.request("POST", "/v1/auth/login").json(&body).send().await
}

/// Stores these permissions of the first member of the account.
async fn store_permissions(service: &OwnService, account: &Account, permissions: &[&str]) {
    let text = |text: String| AttributeValue::S(text);
    let table = service.gateway.table("Table").expect("the table");
    let update = service.gateway.dynamodb().update_item().table_name(table);
    let permissions = permissions.iter().map(|&permission| text(permission.to_owned())).collect();
    update
        .key("pk", text(format!("ACCOUNT#{}", account.id)))
        .key("sk", text(format!("MEMBER#{}", account.user_id)))
        .update_expression("SET #permissions = :permissions")
        .expression_attribute_names("#permissions", "permissions")
        .expression_attribute_values(":permissions", AttributeValue::L(permissions))
        .send()
        .await
        .expect("the item is updated");
}

#[track_caller]
fn assert_conflict(response: &Response, message: &str) {
    response.assert_error(409, "CONFLICT");
    assert_eq!(response.body["error"]["message"], message);
}

#[track_caller]
fn assert_last_with_all_permissions(response: &Response) {
    assert_conflict(response, "An account must have at least one active member with all four permissions");
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
        service.post("/v1/members", key, new(&json!(["read"]))).await.assert_forbidden();
        service.post(&format!("{member}/invite"), key, json!({})).await.assert_forbidden();
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
    for permissions in [json!(["write"]), json!(["read", "delete"]), json!(ALL)] {
        service.post("/v1/members", &reader, new(&permissions)).await.assert_forbidden();
    }
    service.patch(&path(&own_id), &reader, json!({"permissions": ALL})).await.assert_forbidden();
    let created = service.post("/v1/members", &reader, new(&json!(["read"]))).await.expect(201);
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
    service.post("/v1/members", &key, new(&json!(["read"]))).await.assert_forbidden();
    let (key, _) = service.key(&account.session, json!({"permissions": ["write", "admin"]})).await;
    service.post("/v1/members", &key, new(&json!(["write"]))).await.expect(201);
}

#[tokio::test]
async fn key_that_invites_changes_or_removes_an_admin_returns_403() {
    let service = Service::start().await;
    let account = service.account().await;
    let (key, _) = service.key(&account.session, json!({})).await;
    service.post("/v1/members", &key, new(&json!(["admin"]))).await.assert_forbidden();
    let invited = service.invite(&account.session, &new_address(), &["admin"]).await;
    let (_, admin) = service.member(&account.session, &["read", "admin"]).await;
    let (_, reader) = service.member(&account.session, &["read"]).await;
    let invite = format!("{}/invite", path(text(&invited, "id")));
    service.post(&invite, &key, json!({})).await.assert_forbidden();
    for id in [&admin, &account.user_id, text(&invited, "id")] {
        for body in [json!({"permissions": ["read"]}), json!({"status": "suspended"}), json!({})] {
            service.patch(&path(id), &key, body).await.assert_forbidden();
        }
        service.delete(&path(id), &key).await.assert_forbidden();
    }
    service.patch(&path(&reader), &key, json!({"permissions": ["read", "admin"]})).await.assert_forbidden();
    service.patch(&path(&reader), &key, json!({"permissions": ["write"]})).await.expect(200);
    service.delete(&path(&reader), &key).await.expect(204);
}

#[tokio::test]
async fn taking_something_from_a_member_who_holds_more_than_the_caller_returns_403() {
    let service = Service::start().await;
    let account = service.account().await;
    let (reader, _) = service.member(&account.session, &["read", "admin"]).await;
    let member = create(&service, &account, &["read", "write"]).await;
    let member = path(text(&member, "id"));
    for taking in [
        json!({"permissions": ["write"]}),
        json!({"permissions": ["read"]}),
        json!({"status": "suspended"}),
        json!({"permissions": ["read", "write"], "status": "suspended"}),
    ] {
        service.patch(&member, &reader, taking).await.assert_forbidden();
    }
    service.delete(&member, &reader).await.assert_forbidden();
    // What takes nothing is allowed.
    service.patch(&member, &reader, json!({"permissions": ["read", "write"]})).await.expect(200);
    service.patch(&member, &reader, json!({"permissions": ["read", "write", "admin"]})).await.expect(200);
    service.patch(&member, &account.session, json!({"permissions": ["read"]})).await.expect(200);
    service.patch(&member, &reader, json!({"status": "suspended"})).await.expect(200);
}

#[tokio::test]
async fn reactivating_a_member_with_more_permissions_returns_403() {
    let service = Service::start().await;
    let account = service.account().await;
    let (reader, _) = service.member(&account.session, &["read", "admin"]).await;
    let member = create(&service, &account, &["read", "write"]).await;
    let member = path(text(&member, "id"));
    service.patch(&member, &account.session, json!({"status": "suspended"})).await.expect(200);
    service.patch(&member, &reader, json!({"status": "active"})).await.assert_forbidden();
    let both = json!({"status": "active", "permissions": ["read"]});
    service.patch(&member, &reader, both.clone()).await.assert_forbidden();
    let changed = service.patch(&member, &account.session, both).await.expect(200);
    assert_eq!((&changed["status"], &changed["permissions"]), (&json!("active"), &json!(["read"])));
}

#[tokio::test]
async fn demoting_suspending_or_removing_the_last_member_with_all_permissions_returns_409() {
    let service = Service::start().await;
    let account = service.account().await;
    // None of these members counts: they lack a permission, are suspended or have not accepted the invitation.
    create(&service, &account, &["read", "write", "delete"]).await;
    create(&service, &account, &["read", "write", "admin"]).await;
    service.invite(&account.session, &new_address(), &ALL).await;
    let suspended = create(&service, &account, &ALL).await;
    let suspended = path(text(&suspended, "id"));
    service.patch(&suspended, &account.session, json!({"status": "suspended"})).await.expect(200);

    let last = path(&account.user_id);
    let before = service.get(&last, &account.session).await.expect(200);
    let patch = async |body| service.patch(&last, &account.session, body).await;
    assert_last_with_all_permissions(&patch(json!({"permissions": ["read", "write", "delete"]})).await);
    assert_last_with_all_permissions(&patch(json!({"permissions": ["admin"]})).await);
    assert_last_with_all_permissions(&patch(json!({"status": "suspended"})).await);
    assert_last_with_all_permissions(&patch(json!({"status": "suspended", "permissions": ["read"]})).await);
    assert_last_with_all_permissions(&service.delete(&last, &account.session).await);
    assert_eq!(service.get(&last, &account.session).await.expect(200), before);

    // With another such member, all of this is possible.
    service.patch(&suspended, &account.session, json!({"status": "active"})).await.expect(200);
    patch(json!({"permissions": ["admin"]})).await.expect(200);
}

#[tokio::test]
async fn member_with_all_permissions_can_be_removed_while_another_is_active() {
    let service = Service::start().await;
    let account = service.account().await;
    let (second, second_id) = service.member(&account.session, &ALL).await;
    let (third, third_id) = service.member(&account.session, &ALL).await;
    service.delete(&path(&account.user_id), &third).await.expect(204);
    let suspended =
        service.patch(&path(&third_id), &second, json!({"status": "suspended"})).await.expect(200);
    assert_last_with_all_permissions(&service.delete(&path(&second_id), &second).await);
    service.patch(&path(&third_id), &second, json!({"status": "active"})).await.expect(200);
    service.patch(&path(&second_id), &second, json!({"permissions": ["read"]})).await.expect(200);
    let third = service.login(text(&suspended, "email")).await;
    assert_last_with_all_permissions(&service.delete(&path(&third_id), &third).await);
}

#[tokio::test]
async fn account_of_an_earlier_version_without_a_member_with_all_permissions_keeps_its_last_admin() {
    let service = OwnService::start().await;
    let account = service.account().await;
    store_permissions(&service, &account, &["read", "admin"]).await;
    let own = path(&account.user_id);
    let response = service.patch(&own, &account.session, json!({"permissions": ["read"]})).await;
    assert_conflict(&response, "An account must have at least one active admin");
    service.patch(&own, &account.session, json!({"permissions": ["admin"]})).await.expect(200);
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
    let (_, new) = service.member_with_email(&account.session, &email, &["read"]).await;
    assert_ne!(new, id);
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
async fn address_of_another_member_of_the_account_returns_409() {
    let service = Service::start().await;
    let account = service.account().await;
    let suspended = create(&service, &account, &["read"]).await;
    let invited = service.invite(&account.session, &new_address(), &["read"]).await;
    let invited = text(&invited, "email").to_owned();
    let email = text(&suspended, "email").to_owned();
    let patch = json!({"status": "suspended"});
    service.patch(&path(text(&suspended, "id")), &account.session, patch).await.expect(200);
    let before = service.get("/v1/members", &account.session).await.expect(200);
    for taken in [&account.email, &account.email.to_uppercase(), &invited, &email] {
        let body = json!({"email": taken, "permissions": ["read"]});
        let response = service.post("/v1/members", &account.session, body).await;
        assert_conflict(&response, "The email address already belongs to a member");
    }
    assert_eq!(service.get("/v1/members", &account.session).await.expect(200), before);
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
async fn malformed_field_returns_400() {
    let service = Service::start().await;
    let account = service.account().await;
    let valid = json!({"email": "x@example.com", "permissions": ["read"]});
    for (field, invalid) in [
        ("email", json!("x")),
        ("email", json!("x@example.com\n")),
        ("email", json!(format!("{}@example.com", "x".repeat(65)))),
        ("password", json!(PASSWORD)),
        ("permissions", json!([])),
        ("permissions", json!(["read", "root"])),
    ] {
        let mut body = valid.clone();
        body[field] = invalid;
        service.post("/v1/members", &account.session, body).await.assert_bad_field(field);
    }
    for field in ["email", "permissions"] {
        let body = crate::response::without(&valid, field);
        service.post("/v1/members", &account.session, body).await.assert_bad_field(field);
    }
    let own = path(&account.user_id);
    for (field, invalid) in
        [("status", json!("invited")), ("permissions", json!([])), ("email", json!("x@a.b"))]
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
