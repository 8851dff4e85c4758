//! `/v1/auth/sessions`.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use shared::primitives::{id::SessionId, random::Random};
use tokio::task::JoinSet;

use crate::service::{Account, Credential, OwnService, PASSWORD, Service};

/// The first page of the session list.
async fn list(service: &Service, credential: &Credential) -> Vec<Value> {
    let page = service.get("/v1/auth/sessions", credential).await.expect(200);
    page["data"].as_array().expect("a list").clone()
}

/// The id of a session.
async fn id(service: &Service, session: &Credential) -> String {
    let all = list(service, session).await;
    let current = all.iter().find(|session| session["current"] == true).expect("the current one");
    current["id"].as_str().expect("an id").to_owned()
}

async fn login_as(service: &Service, email: &str, user_agent: &str) -> Credential {
    let body = json!({"email": email, "password": PASSWORD});
    let request = service.request("POST", "/v1/auth/login").header("User-Agent", user_agent);
    let response = request.json(&body).send().await.expect(200);
    Credential::session(response["session_token"].as_str().expect("a token"))
}

#[tokio::test]
async fn list_contains_only_own_sessions_newest_first() {
    let service = OwnService::start().await;
    let account = service.account().await;
    service.account().await;
    service.member(&account.session, &["read"]).await;
    service.time.pass(60);
    let browser = login_as(&service, &account.email, "curl/8.5.0").await;

    let (old, new) = (id(&service, &account.session).await, id(&service, &browser).await);
    assert!(old.starts_with("sid_") && new.starts_with("sid_") && old != new, "{old} {new}");
    let session = |id: &str, minute: &str, last_minute: &str, user_agent: Value, current: bool| {
        json!({
            "id": id,
            "created_at": format!("2026-01-30T00:{minute}:00Z"),
            "last_used_at": format!("2026-01-30T00:{last_minute}:00Z"),
            "expires_at": format!("2026-01-30T12:{minute}:00Z"),
            "user_agent": user_agent,
            "ip_address": "127.0.0.1",
            "current": current,
        })
    };
    let seen_by_new = json!({
        "data": [session(&new, "01", "01", json!("curl/8.5.0"), true), session(&old, "00", "01", Value::Null, false)],
        "next_cursor": null,
    });
    assert_eq!(service.get("/v1/auth/sessions", &browser).await.expect(200), seen_by_new);
    let seen_by_old = list(&service, &account.session).await;
    assert_eq!((&seen_by_old[0]["current"], &seen_by_old[1]["current"]), (&json!(false), &json!(true)));
}

#[tokio::test]
async fn list_is_paginated() {
    let service = Service::start().await;
    let account = service.account().await;
    for _ in 0..4 {
        service.login(&account.email).await;
    }
    let all: Vec<_> = list(&service, &account.session).await;
    assert_eq!(all.len(), 5);
    let first = service.get("/v1/auth/sessions?limit=3", &account.session).await.expect(200);
    assert_eq!(first["data"], json!(all[..3]));
    let cursor = first["next_cursor"].as_str().expect("a cursor");
    let path = format!("/v1/auth/sessions?limit=3&cursor={cursor}");
    let second = service.get(&path, &account.session).await.expect(200);
    assert_eq!(second, json!({"data": all[3..], "next_cursor": null}));
}

#[tokio::test]
async fn long_user_agent_is_truncated_and_invalid_one_is_null() {
    let service = Service::start().await;
    let account = service.account().await;
    let browser = login_as(&service, &account.email, &"x".repeat(1_000)).await;
    assert_eq!(list(&service, &browser).await[0]["user_agent"], "x".repeat(256));

    let body = json!({"email": account.email, "password": PASSWORD}).to_string();
    let headers: [&[u8]; 2] = [b"User-Agent: \xff\xfe", b"Content-Type: application/json"];
    let response = service.raw("POST /v1/auth/login", &headers, &body).await.expect(200);
    let session = Credential::session(response["session_token"].as_str().expect("a token"));
    assert_eq!(list(&service, &session).await[0]["user_agent"], Value::Null);
}

#[tokio::test]
async fn ended_session_returns_401_and_leaves_the_list() {
    let service = Service::start().await;
    let account = service.account().await;
    let other = service.login(&account.email).await;
    let path = format!("/v1/auth/sessions/{}", id(&service, &other).await);
    service.delete(&path, &account.session).await.expect(204);
    service.me(&other).await.assert_unauthorized();
    assert_eq!(list(&service, &account.session).await.len(), 1);
    service.delete(&path, &account.session).await.assert_not_found();
}

#[tokio::test]
async fn session_can_end_itself() {
    let service = Service::start().await;
    let account = service.account().await;
    let path = format!("/v1/auth/sessions/{}", id(&service, &account.session).await);
    service.delete(&path, &account.session).await.expect(204);
    service.me(&account.session).await.assert_unauthorized();
}

#[tokio::test]
async fn expired_session_leaves_the_list_and_cannot_be_ended_again() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let path = format!("/v1/auth/sessions/{}", id(&service, &account.session).await);
    for _ in 0..12 {
        service.time.pass(3_599);
        service.me(&account.session).await.expect(200);
    }
    service.time.pass(11);
    let late = service.login(&account.email).await;
    assert_eq!(list(&service, &late).await.len(), 2);
    service.time.pass(1);
    assert_eq!(list(&service, &late).await.len(), 1);
    service.delete(&path, &late).await.assert_error(404, "NOT_FOUND");
}

#[tokio::test]
async fn session_unused_for_an_hour_returns_401_and_cannot_be_ended_again() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (used, unused) = (service.login(&account.email).await, service.login(&account.email).await);
    let path = format!("/v1/auth/sessions/{}", id(&service, &unused).await);
    service.time.pass(3_599);
    service.me(&used).await.expect(200);
    assert_eq!(list(&service, &used).await.len(), 3);
    service.time.pass(1);
    service.me(&unused).await.assert_unauthorized();
    service.delete(&path, &used).await.assert_error(404, "NOT_FOUND");
    assert_eq!(list(&service, &used).await.len(), 1);
    service.time.pass(3_598);
    service.me(&used).await.expect(200);
    service.time.pass(3_600);
    service.me(&used).await.assert_unauthorized();
}

#[tokio::test]
async fn last_use_is_recorded_once_a_minute() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    for (seconds, writes) in [(0, true), (59, false), (1, true), (30, false), (30, true)] {
        service.time.pass(seconds);
        dynamodb.calls();
        service.me(&account.session).await.expect(200);
        assert_eq!(
            dynamodb.calls().contains(&"UpdateItem".to_owned()),
            writes,
            "after {seconds} more seconds"
        );
    }
    let now = service.time.in_seconds(0);
    assert_eq!(list(&service, &account.session).await[0]["last_used_at"], now);
}

#[tokio::test]
async fn use_during_deletion_does_not_restore_the_session() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let session = service.login(&account.email).await;
    let id = id(&service, &session).await;
    service.time.pass(60);
    let mut held = dynamodb.hold("UpdateItem");
    let end = async {
        held.arrived().await;
        let ended = service.delete(&format!("/v1/auth/sessions/{id}"), &account.session).await;
        drop(held);
        ended
    };
    let (used, ended) = tokio::join!(service.me(&session), end);
    ended.expect(204);
    // The request was authorized before the session was deleted.
    used.expect(200);
    service.me(&session).await.assert_unauthorized();
    assert_eq!(list(&service, &account.session).await.len(), 1);
}

#[tokio::test]
async fn session_ended_by_a_suspension_of_the_account_cannot_be_ended_again() {
    let service = Service::start().await;
    let account = service.account().await;
    let path = format!("/v1/auth/sessions/{}", id(&service, &account.session).await);
    service.suspend(&account).await;
    service.restore(&account).await;
    let session = service.login(&account.email).await;
    service.delete(&path, &session).await.assert_not_found();
}

#[tokio::test]
async fn sessions_ended_by_a_password_change_leave_the_list_and_cannot_be_ended_again() {
    let service = Service::start().await;
    let account = service.account().await;
    let other = service.login(&account.email).await;
    let other = format!("/v1/auth/sessions/{}", id(&service, &other).await);
    let body = json!({"current_password": PASSWORD, "new_password": "a gecko under the 3rd lamp"});
    service.post("/v1/auth/password", &account.session, body).await.expect(204);
    let left = list(&service, &account.session).await;
    assert_eq!((left.len(), &left[0]["current"]), (1, &json!(true)));
    service.delete(&other, &account.session).await.assert_not_found();
}

#[tokio::test]
async fn session_of_another_user_returns_404_and_stays_valid() {
    let service = Service::start().await;
    let account = service.account().await;
    let (colleague, _) = service.member(&account.session, &["read"]).await;
    let stranger = service.account().await.session;
    for other in [&colleague, &stranger] {
        let path = format!("/v1/auth/sessions/{}", id(&service, other).await);
        service.delete(&path, &account.session).await.assert_not_found();
        service.me(other).await.expect(200);
    }
}

#[tokio::test]
async fn with_api_key_returns_403() {
    let service = Service::start().await;
    let account = service.account().await;
    let (key, _) = service.key(&account.session, json!({})).await;
    service.get("/v1/auth/sessions", &key).await.assert_forbidden();
    let path = format!("/v1/auth/sessions/{}", id(&service, &account.session).await);
    service.delete(&path, &key).await.assert_forbidden();
    service.delete("/v1/auth/sessions", &key).await.assert_forbidden();
    service.me(&account.session).await.expect(200);
}

#[tokio::test]
async fn without_credential_returns_401() {
    let service = Service::start().await;
    let account = service.account().await;
    service.request("GET", "/v1/auth/sessions").send().await.assert_unauthorized();
    let path = format!("/v1/auth/sessions/{}", id(&service, &account.session).await);
    for path in [&path, "/v1/auth/sessions"] {
        service.request("DELETE", path).send().await.assert_unauthorized();
    }
    service.me(&account.session).await.expect(200);
}

#[tokio::test]
async fn end_of_all_others_keeps_only_the_callers_session() {
    let service = Service::start().await;
    let account = service.account().await;
    let others = [service.login(&account.email).await, service.login(&account.email).await];
    let (colleague, _) = service.member(&account.session, &["read"]).await;
    let (key, _) = service.key(&account.session, json!({})).await;
    let own = id(&service, &account.session).await;
    service.delete("/v1/auth/sessions", &account.session).await.expect(204);
    for other in &others {
        service.me(other).await.assert_unauthorized();
    }
    for credential in [&colleague, &key] {
        service.me(credential).await.expect(200);
    }
    assert_eq!(service.ids("/v1/auth/sessions", &account.session, 100).await, [own]);
    // The session can create keys, and can end other sessions again.
    service.key(&account.session, json!({})).await;
    let new = service.login(&account.email).await;
    for _ in 0..2 {
        service.delete("/v1/auth/sessions", &account.session).await.expect(204);
    }
    service.me(&new).await.assert_unauthorized();
    service.me(&account.session).await.expect(200);
}

#[tokio::test]
async fn end_of_all_others_ends_a_login_in_progress() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let mut held = dynamodb.hold_second_call("TransactWriteItems");
    let login = login_as(&service, &account.email, "slow");
    let end = async {
        held.arrived().await;
        service.delete("/v1/auth/sessions", &account.session).await.expect(204);
        drop(held);
    };
    let (session, ()) = tokio::join!(login, end);
    service.me(&session).await.assert_unauthorized();
    service.me(&account.session).await.expect(200);
}

#[tokio::test]
async fn number_of_ended_sessions_does_not_change_the_calls() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let (_, member) = service.member(&account.session, &["read"]).await;
    let of_member = format!("/v1/members/{member}/sessions");
    let mut calls = Vec::new();
    for sessions in [1, 30] {
        copy_session(&service, &account.id, &account.user_id, sessions).await;
        copy_session(&service, &account.id, &member, sessions).await;
        for path in ["/v1/auth/sessions", &of_member] {
            dynamodb.calls();
            service.delete(path, &account.session).await.expect(204);
            calls.push(dynamodb.calls());
        }
    }
    assert_eq!(calls[..2], calls[2..]);
}

/// Writes `times` copies of one of the member's sessions to the table, with other ids.
async fn copy_session(service: &OwnService, account_id: &str, user_id: &str, times: usize) {
    let pk = AttributeValue::S(format!("ACCOUNT#{account_id}#USER#{user_id}"));
    let items = service.items().await;
    let session = items.iter().find(|item| item["pk"] == pk).expect("a session");
    let table = service.gateway.table("Table").expect("the table");
    for _ in 0..times {
        let id = SessionId::new(&service.time.clock(), &Random::system()).to_string();
        let mut copy = session.clone();
        copy.insert("sk".to_owned(), AttributeValue::S(format!("SESSION#{id}")));
        copy.insert("id".to_owned(), AttributeValue::S(id));
        let put = service.gateway.dynamodb().put_item().table_name(table);
        put.set_item(Some(copy)).send().await.expect("the copy is written");
    }
}

/// Sets the maximum number of sessions of each member.
async fn limit(service: &Service, account: &Account, sessions: Value) {
    let command = json!({"account_id": account.id, "sessions_per_member": sessions});
    let result = service.operate(json!({"set_limits": command})).await.expect("the limits are set");
    assert_eq!(result["sessions_per_member"], sessions);
}

/// The events of sessions that ended because of the limit, newest first.
async fn ended(service: &Service, by: &Credential) -> Vec<Value> {
    let events = service.get("/v1/audit-events?limit=100", by).await.expect(200);
    let events = events["data"].as_array().expect("a list").iter();
    events.filter(|event| event["reason"] == "session_limit").cloned().collect()
}

#[tokio::test]
async fn login_beyond_the_limit_ends_the_oldest_session_and_records_it() {
    let service = OwnService::start().await;
    let account = service.account().await;
    limit(&service, &account, json!(3)).await;
    let (other_member, _) = service.member(&account.session, &["read"]).await;
    let oldest = id(&service, &account.session).await;
    let mut sessions = Vec::new();
    for _ in 0..3 {
        service.time.pass(1);
        sessions.push(service.login(&account.email).await);
    }
    service.me(&account.session).await.assert_unauthorized();
    service.me(&other_member).await.expect(200);
    assert_eq!(list(&service, &sessions[2]).await.len(), 3);
    let events = ended(&service, &sessions[2]).await;
    let newest = id(&service, &sessions[2]).await;
    let actor = json!({"type": "session", "user_id": account.user_id, "session_id": newest});
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["actor"], actor);
    assert_eq!((&events[0]["session_id"], &events[0]["reason"]), (&json!(oldest), &json!("session_limit")));

    // A session that has ended or expired does not count.
    service.request("POST", "/v1/auth/logout").with(&sessions[2]).send().await.expect(204);
    service.login(&account.email).await;
    service.me(&sessions[0]).await.expect(200);
    service.time.pass(30 * 60);
    service.me(&sessions[1]).await.expect(200);
    service.time.pass(31 * 60);
    let latest = [service.login(&account.email).await, service.login(&account.email).await];
    service.me(&sessions[1]).await.expect(200);
    assert_eq!(ended(&service, &latest[0]).await.len(), 1);
    // The login has deleted the expired sessions.
    let items = service.items().await;
    let partition = AttributeValue::S(format!("ACCOUNT#{}#USER#{}", account.id, account.user_id));
    assert_eq!(items.iter().filter(|item| item["pk"] == partition).count(), 3);
}

#[tokio::test]
async fn sessions_that_ended_with_their_epoch_do_not_count_towards_the_limit() {
    let service = OwnService::start().await;
    let account = service.account().await;
    limit(&service, &account, json!(2)).await;
    service.login(&account.email).await;
    service.delete("/v1/auth/sessions", &account.session).await.expect(204);
    let second = service.login(&account.email).await;
    for session in [&account.session, &second] {
        service.me(session).await.expect(200);
    }
    service.suspend(&account).await;
    service.restore(&account).await;
    let latest = [service.login(&account.email).await, service.login(&account.email).await];
    for session in &latest {
        service.me(session).await.expect(200);
    }
    assert_eq!(ended(&service, &latest[0]).await, [Value::Null; 0]);
}

#[tokio::test]
async fn lowered_limit_ends_all_other_sessions_at_the_next_login() {
    let service = OwnService::start().await;
    let account = service.account().await;
    limit(&service, &account, json!(60)).await;
    let mut sessions = vec![account.session.clone()];
    for _ in 0..42 {
        sessions.push(service.login(&account.email).await);
    }
    for session in &sessions {
        service.me(session).await.expect(200);
    }
    limit(&service, &account, json!(1)).await;
    let last = service.login(&account.email).await;
    for session in &sessions {
        service.me(session).await.assert_unauthorized();
    }
    assert_eq!(list(&service, &last).await.len(), 1);
    assert_eq!(ended(&service, &last).await.len(), sessions.len());
}

#[tokio::test]
async fn limit_is_that_of_the_template_unless_the_account_has_one() {
    let service = OwnService::start_with(|options| {
        options.parameters.insert("SessionsPerMember".to_owned(), "2".to_owned());
    })
    .await;
    let account = service.account().await;
    limit(&service, &account, json!(1)).await;
    let second = service.login(&account.email).await;
    service.me(&account.session).await.assert_unauthorized();
    limit(&service, &account, json!(null)).await;
    service.login(&account.email).await;
    service.me(&second).await.expect(200);
    service.login(&account.email).await;
    service.me(&second).await.assert_unauthorized();
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_logins_never_exceed_the_limit() {
    let service = OwnService::start().await;
    let account = service.account().await;
    limit(&service, &account, json!(3)).await;
    let mut logins = JoinSet::new();
    for _ in 0..8 {
        let body = json!({"email": account.email, "password": PASSWORD});
        logins.spawn(service.request("POST", "/v1/auth/login").json(&body).send());
    }
    let logins = logins.join_all().await;
    let logged_in = logins.iter().filter(|response| response.status == 200).count();
    assert!(logged_in > 0, "{logins:?}");
    let mut valid = 0;
    for login in &logins {
        if login.status == 200 {
            let session = Credential::session(login.body["session_token"].as_str().expect("a token"));
            valid += usize::from(service.me(&session).await.status == 200);
        }
    }
    valid += usize::from(service.me(&account.session).await.status == 200);
    assert_eq!(valid, 3.min(logged_in + 1));
}

#[tokio::test]
async fn two_logins_that_read_the_same_sessions_do_not_exceed_the_limit() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    limit(&service, &account, json!(2)).await;
    // The first transaction of the login reserves its password attempt.
    let mut held = dynamodb.hold_second_call("TransactWriteItems");
    let other = async {
        held.arrived().await;
        let other = service.login(&account.email).await;
        drop(held);
        other
    };
    let (one, other) = tokio::join!(service.login(&account.email), other);
    service.me(&one).await.expect(200);
    service.me(&other).await.expect(200);
    service.me(&account.session).await.assert_unauthorized();
    assert_eq!(list(&service, &one).await.len(), 2);
}
