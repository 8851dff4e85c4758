//! `GET /v1/audit-events`.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use shared::{model::audit_event_filter::AuditEventFilter, primitives::pagination::List};

use super::login_throttling::attempt_from;
use crate::{
    caller::{Caller, operator_commands},
    response::{Response, text},
    service::{Account, Credential, OwnService, PASSWORD, Service, key_path, new_address},
};

async fn start() -> (Service, Account) {
    let service = Service::start().await;
    let account = service.account().await;
    (service, account)
}

async fn start_own() -> (OwnService, Account) {
    let service = OwnService::start().await;
    let account = service.account().await;
    (service, account)
}

/// The account's events, newest first. Panics if there is more than one page.
async fn events(service: &Service, credential: &Credential, query: &str) -> Vec<Value> {
    let page = service.get(&format!("/v1/audit-events{query}"), credential).await.expect(200);
    assert_eq!(page["next_cursor"], Value::Null);
    page["data"].as_array().expect("a list").clone()
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| text(event, "type")).collect()
}

/// Checks the id, the time, the request id and the source address of an event. Returns its other fields.
#[track_caller]
fn content(mut event: Value) -> Value {
    let fields = event.as_object_mut().expect("an object");
    let mut take = |name: &str| fields.remove(name).expect(name);
    assert!(take("id").as_str().is_some_and(|id| id.starts_with("event_") && id.len() == 22));
    assert_eq!(take("created_at"), "2026-01-30T00:00:00Z");
    let operator = fields["actor"]["type"] == "operator";
    let mut take = |name: &str| fields.remove(name).expect(name);
    assert!(take("request_id").as_str().is_some_and(|id| !id.is_empty()));
    assert_eq!(take("source_ip"), if operator { Value::Null } else { json!("127.0.0.1") });
    event
}

async fn login(service: &Service, email: &str, password: &str) -> Response {
    let body = json!({"email": email, "password": password});
    service.request("POST", "/v1/auth/login").json(&body).send().await
}

/// The id of a session.
async fn session_id(service: &Service, session: &Credential) -> String {
    let sessions = service.get("/v1/auth/sessions", session).await.expect(200);
    let own = sessions["data"].as_array().unwrap().iter().find(|session| session["current"] == true).cloned();
    text(&own.expect("the current session"), "id").to_owned()
}

#[tokio::test]
async fn account_events_have_the_documented_fields() {
    let (service, account) = start_own().await;
    let session = session_id(&service, &account.session).await;
    service.suspend(&account).await;
    service.restore(&account).await;
    let admin = service.login(&account.email).await;
    // The login after the suspension is not recorded, because it is in the same hour as the first one.
    let all = events(&service, &admin, "").await;
    assert_eq!(
        types(&all),
        ["account.restored", "account.suspended", "login.succeeded", "account.created"],
        "newest first"
    );
    let [restored, suspended, login, created] = all.try_into().expect("four");
    let operator = json!({"type": "operator"});
    assert_eq!(content(restored), json!({"type": "account.restored", "actor": operator}));
    assert_eq!(content(suspended), json!({"type": "account.suspended", "actor": operator}));
    let actor = json!({"type": "session", "user_id": account.user_id, "session_id": session});
    assert_eq!(
        content(login),
        json!({"type": "login.succeeded", "actor": actor, "user_id": account.user_id, "session_id": session})
    );
    assert_eq!(
        content(created),
        json!({"type": "account.created", "actor": operator, "name": "Study", "user_id": account.user_id, "email": account.email})
    );
}

#[tokio::test]
async fn key_events_have_the_documented_fields() {
    let (service, account) = start_own().await;
    let limits = json!({
        "type": "test", "permissions": ["read"], "scope": {"projects": ["proj_a"]}, "expires_at": "2026-02-01T00:00:00Z",
        "allowed_ips": ["127.0.0.1"],
    });
    let (key, record) = service.key(&account.session, limits.clone()).await;
    service.rotate(&record, &key, 60).await;
    service.patch(&key_path(&record), &account.session, json!({"disabled": true})).await.expect(200);
    service.delete(&key_path(&record), &account.session).await.expect(204);
    let id = text(&record, "id");
    let session = session_id(&service, &account.session).await;
    let by_session = json!({"type": "session", "user_id": account.user_id, "session_id": session});
    let by_itself = json!({"type": "api_key", "key_id": id});
    let [revoked, changed, rotated, created] =
        events(&service, &account.session, &format!("?key_id={id}")).await.try_into().expect("four");
    assert_eq!(
        content(changed),
        json!({
            "type": "api_key.changed", "actor": by_session, "key_id": id, "name": "A key", "permissions": ["read"],
            "scope": limits["scope"], "expires_at": limits["expires_at"], "allowed_ips": ["127.0.0.1"], "disabled": true,
        })
    );
    assert_eq!(
        content(revoked),
        json!({"type": "api_key.revoked", "actor": by_session, "key_id": id, "reason": "requested"})
    );
    assert_eq!(
        content(rotated),
        json!({"type": "api_key.rotated", "actor": by_itself, "key_id": id, "previous_expires_at": "2026-01-30T00:01:00Z"})
    );
    assert_eq!(
        content(created),
        json!({
            "type": "api_key.created", "actor": by_session, "key_id": id, "name": "A key", "key_type": "test",
            "permissions": ["read"], "scope": limits["scope"], "expires_at": limits["expires_at"], "allowed_ips": ["127.0.0.1"],
        })
    );
}

#[tokio::test]
async fn member_and_password_events_have_the_documented_fields() {
    let (service, account) = start_own().await;
    let (key, record) = service.key(&account.session, json!({})).await;
    let (member, id) = service.member(&key, &["read"]).await;
    let email = text(&service.me(&member).await.expect(200), "email").to_owned();
    let path = format!("/v1/members/{id}");
    service.patch(&path, &key, json!({"permissions": ["write"]})).await.expect(200);
    for (current, status) in [("wrong", 403), (PASSWORD, 204)] {
        let body = json!({"current_password": current, "new_password": "two lizards on the wall"});
        service.post("/v1/auth/password", &member, body).await.expect(status);
    }
    let session = session_id(&service, &member).await;
    service.delete(&path, &key).await.expect(204);

    let mut all = events(&service, &key, "").await;
    let older = all.len() - 3;
    assert_eq!(types(&all[older..]), ["api_key.created", "login.succeeded", "account.created"]);
    all.truncate(older);
    let by_key = json!({"type": "api_key", "key_id": record["id"]});
    let by_member = json!({"type": "session", "user_id": id, "session_id": session});
    assert_eq!(
        all.into_iter().map(content).collect::<Vec<_>>(),
        [
            json!({"type": "member.removed", "actor": by_key, "user_id": id}),
            json!({"type": "password.changed", "actor": by_member, "user_id": id}),
            json!({"type": "password.refused", "actor": by_member, "user_id": id}),
            json!({"type": "member.changed", "actor": by_key, "user_id": id, "permissions": ["write"], "status": "active"}),
            json!({"type": "member.accepted", "actor": by_member, "user_id": id, "email": email}),
            json!({"type": "member.invited", "actor": by_key, "user_id": id, "email": email, "permissions": ["read"]}),
        ]
    );
}

#[tokio::test]
async fn refused_logins_are_recorded_without_an_actor() {
    let (service, account) = start_own().await;
    login(&service, &account.email, "wrong").await.expect(401);
    service.suspend(&account).await;
    login(&service, &account.email, PASSWORD).await.expect(403);
    service.restore(&account).await;
    let admin = service.login(&account.email).await;
    let refused_logins: Vec<_> = events(&service, &admin, "")
        .await
        .into_iter()
        .filter(|event| event["type"] == "login.refused")
        .map(content)
        .collect();
    let event = |reason| json!({"type": "login.refused", "actor": null, "user_id": account.user_id, "reason": reason});
    assert_eq!(refused_logins, [event("suspended"), event("wrong_password")]);
}

#[tokio::test]
async fn rejected_requests_record_no_event() {
    let (service, account) = start().await;
    let (key, record) = service.key(&account.session, json!({"permissions": ["admin"]})).await;
    let (revoked, revoked_record) = service.key(&account.session, json!({})).await;
    service.delete(&key_path(&revoked_record), &account.session).await.expect(204);
    let before = events(&service, &account.session, "").await;

    let exceeding = json!({"name": "A", "permissions": ["read"]});
    service.post("/v1/api-keys", &key, exceeding).await.assert_forbidden();
    service.post("/v1/api-keys", &key, json!({"permissions": ["read"]})).await.expect(400);
    service.post("/v1/api-keys", &revoked, json!({})).await.assert_unauthorized();
    let rotation = format!("{}/rotate", key_path(&revoked_record));
    service.post(&rotation, &account.session, json!({})).await.assert_error(409, "CONFLICT");
    // Revoking a revoked key records no second event.
    service.delete(&key_path(&revoked_record), &account.session).await.expect(204);
    let member = format!("/v1/members/{}", account.user_id);
    service.delete(&member, &account.session).await.assert_error(409, "CONFLICT");
    service.patch(&member, &account.session, json!({"permissions": ["read"]})).await.expect(409);
    service.patch(&member, &account.session, json!({})).await.expect(200);
    login(&service, &new_address(), PASSWORD).await.expect(401);
    assert_eq!(events(&service, &account.session, "").await, before);
    service.me(&key).await.expect(200);
    assert_eq!(service.get(&key_path(&record), &account.session).await.expect(200)["status"], "active");
}

#[tokio::test]
async fn event_is_written_in_the_same_transaction_as_the_change() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let (_, created) = service.key(&account.session, json!({})).await;
    let (leaked, _) = service.key(&account.session, json!({})).await;
    let (_, id) = service.member(&account.session, &["read"]).await;
    let (key, member) = (key_path(&created), format!("/v1/members/{id}"));
    let (rotation, new_address) = (format!("{key}/rotate"), new_address());
    for (method, path, body, status) in [
        ("POST", "/v1/api-keys", json!({"name": "A", "permissions": ["read"]}), 201),
        ("POST", &rotation, json!({}), 200),
        ("DELETE", &key, Value::Null, 204),
        ("POST", "/v1/members", json!({"email": new_address, "permissions": ["read"]}), 201),
        ("PATCH", &member, json!({"status": "suspended"}), 200),
        ("DELETE", &member, Value::Null, 204),
        (
            "POST",
            "/v1/auth/password",
            json!({"current_password": PASSWORD, "new_password": "two lizards on the wall"}),
            204,
        ),
        (
            "POST",
            "/v1/auth/login",
            json!({"email": account.email, "password": "two lizards on the wall"}),
            200,
        ),
        ("POST", "/v1/credentials/revoke", json!({"credentials": [leaked.token()]}), 202),
    ] {
        if path.ends_with("login") {
            // In the next hour, because another login of this hour is recorded. The session is used, so that it does not expire.
            for _ in 0..2 {
                service.time.pass(1_800);
                service.me(&account.session).await.expect(200);
            }
        }
        let all = events(&service, &account.session, "").await.len();
        dynamodb.calls();
        let request = service.request(method, path);
        let request = if path.ends_with("login") { request } else { request.with(&account.session) };
        let request = if body.is_null() { request } else { request.json(&body) };
        request.send().await.expect(status);
        let writes = dynamodb.calls().into_iter().filter(|call| !call.contains("Get") && call != "Query");
        // An attempt at a password is reserved first, with its source and in a transaction of its own.
        let expected: &[_] = if path.starts_with("/v1/auth/") {
            &["UpdateItem", "TransactWriteItems", "TransactWriteItems"]
        } else {
            &["TransactWriteItems"]
        };
        assert_eq!(writes.collect::<Vec<_>>(), expected, "{method} {path}");
        assert_eq!(events(&service, &account.session, "").await.len(), all + 1, "{method} {path}");
    }
}

#[tokio::test]
async fn event_of_an_operator_command_is_written_in_the_same_transaction_as_the_change() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let caller = Caller::new(&service, &account).await;
    let events = async || {
        let items = service.items().await;
        items.iter().filter(|item| item["sk"].as_s().is_ok_and(|sk| sk.starts_with("EVENT#"))).count()
    };
    for command in operator_commands(&service).await {
        // The first changes nothing, and the second erases the events, too.
        if ["export_account", "delete_account"].contains(&&*command) {
            continue;
        }
        let before = events().await;
        dynamodb.calls();
        service.operate(caller.command(&command)).await.expect("the command succeeds");
        let writes = dynamodb.calls().into_iter().filter(|call| !call.contains("Get") && call != "Query");
        let writes: Vec<_> = writes.collect();
        assert_eq!(writes[0], "TransactWriteItems", "{command}");
        // Further writes erase addresses.
        assert!(writes.len() == 1 || command == "forget_member", "{command}: {writes:?}");
        assert!(events().await > before, "{command}");
    }
}

#[tokio::test]
async fn event_contains_the_request_id() {
    let (service, account) = start().await;
    let body = json!({"name": "A", "permissions": ["read"]});
    let response = service.post("/v1/api-keys", &account.session, body).await;
    let newest = &events(&service, &account.session, "").await[0];
    assert_eq!(
        (text(newest, "type"), newest["request_id"].as_str()),
        ("api_key.created", response.header("x-request-id"))
    );
    response.expect(201);
}

#[tokio::test]
async fn key_id_filter_returns_events_about_and_by_the_key() {
    let (service, account) = start().await;
    let (creator, record) = service.key(&account.session, json!({})).await;
    let (_, child) = service.key(&creator, json!({"permissions": ["read"]})).await;
    service.key(&account.session, json!({})).await;
    let key_ids = async |id: &Value| {
        let query = format!("?key_id={}", id.as_str().expect("an id"));
        let all = events(&service, &account.session, &query).await;
        all.into_iter().map(|event| event["key_id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(key_ids(&record["id"]).await, [child["id"].clone(), record["id"].clone()]);
    assert_eq!(key_ids(&child["id"]).await, [child["id"].clone()]);

    // The list is paginated. A cursor of this list is invalid for the list of all events.
    let list = format!("/v1/audit-events?key_id={}", text(&record, "id"));
    assert_eq!(service.ids(&list, &account.session, 1).await.len(), 2);
    let page = service.get(&format!("{list}&limit=1"), &account.session).await.expect(200);
    let path = format!("/v1/audit-events?cursor={}", text(&page, "next_cursor"));
    service.get(&path, &account.session).await.assert_bad_field("cursor");
}

#[tokio::test]
async fn events_of_another_account_are_not_listed() {
    let (service, account) = start().await;
    let other = service.account().await;
    let (_, record) = service.key(&other.session, json!({})).await;
    assert_eq!(events(&service, &account.session, "").await.len(), 2);
    for filter in ["key_id", "actor"] {
        let path = |id: &str| format!("/v1/audit-events?{filter}={id}");
        let of_other_account = service.get(&path(text(&record, "id")), &account.session).await;
        let of_unknown_key = service.get(&path("key_0000000000000000"), &account.session).await;
        assert_eq!(of_other_account.text, of_unknown_key.text);
        assert_eq!(of_other_account.expect(200), json!({"data": [], "next_cursor": null}));
    }
}

#[tokio::test]
async fn only_refused_attempts_expire() {
    let (service, account) = start_own().await;
    login(&service, &account.email, "wrong").await.expect(401);
    let (client, table) = (service.gateway.dynamodb(), service.gateway.table("Table").expect("the table"));
    let items = client
        .query()
        .table_name(table)
        .key_condition_expression("pk = :pk")
        .expression_attribute_values(":pk", AttributeValue::S(format!("ACCOUNT#{}#AUDIT", account.id)))
        .send()
        .await
        .expect("a response");
    let expiries: Vec<_> = items
        .items()
        .iter()
        .map(|item| {
            (item["type"].as_s().unwrap().as_str(), item.get("ttl").map(|ttl| ttl.as_n().unwrap().as_str()))
        })
        .collect();
    // 90 days after the start of the test, in seconds since the Unix epoch.
    let ninety_days = "1777507200";
    assert_eq!(
        expiries,
        [("account.created", None), ("login.succeeded", None), ("login.refused", Some(ninety_days))]
    );
}

#[tokio::test]
async fn ended_sessions_are_recorded_with_their_actor() {
    let (service, account) = start_own().await;
    let actor = async |session: &Credential| {
        let session_id = session_id(&service, session).await;
        json!({"type": "session", "user_id": account.user_id, "session_id": session_id})
    };
    let by_admin = actor(&account.session).await;
    let (key, record) = service.key(&account.session, json!({})).await;
    let (_, member) = service.member(&account.session, &["read"]).await;
    let [one, two] = [service.login(&account.email).await, service.login(&account.email).await];
    let (by_one, by_two) = (actor(&one).await, actor(&two).await);
    let path = format!("/v1/auth/sessions/{}", text(&by_one, "session_id"));
    service.delete(&path, &account.session).await.expect(204);
    service.delete(&path, &account.session).await.assert_not_found();
    service.request("POST", "/v1/auth/logout").with(&two).send().await.expect(204);
    service.delete("/v1/auth/sessions", &account.session).await.expect(204);
    service.delete(&format!("/v1/members/{member}/sessions"), &key).await.expect(204);
    let ended = events(&service, &account.session, "").await.into_iter();
    let ended: Vec<_> = ended
        .filter(|event| ["session.ended", "member.sessions_ended"].contains(&text(event, "type")))
        .map(content)
        .collect();
    let one = |actor: &Value, ended: &Value| json!({"type": "session.ended", "actor": actor, "user_id": account.user_id, "session_id": ended["session_id"], "reason": "requested"});
    assert_eq!(
        ended,
        [
            json!({"type": "member.sessions_ended", "actor": {"type": "api_key", "key_id": record["id"]}, "user_id": member, "kept_session_id": null}),
            json!({"type": "member.sessions_ended", "actor": by_admin, "user_id": account.user_id, "kept_session_id": by_admin["session_id"]}),
            one(&by_two, &by_two),
            one(&by_admin, &by_one),
        ]
    );
}

#[tokio::test]
async fn project_events_have_the_documented_fields() {
    let (service, account) = start_own().await;
    let (key, record) = service.key(&account.session, json!({"type": "test"})).await;
    let created = service.post("/v1/projects", &key, json!({"name": "One"})).await.expect(201);
    let path = format!("/v1/projects/{}", text(&created, "id"));
    for _ in 0..2 {
        // The second request has no effect and leaves no event.
        service.patch(&path, &key, json!({"name": "Two"})).await.expect(200);
    }
    service.delete(&path, &key).await.expect(204);
    service.delete(&path, &key).await.assert_not_found();
    service.patch(&path, &key, json!({"name": "Three"})).await.assert_not_found();
    let actor = json!({"type": "api_key", "key_id": record["id"]});
    let event = |kind: &str, name: Option<&str>| {
        let mut event =
            json!({"type": kind, "actor": actor, "project_id": created["id"], "environment": "test"});
        if let Some(name) = name {
            event["name"] = json!(name);
        }
        event
    };
    let recorded = events(&service, &account.session, "").await.into_iter().map(content).take(3);
    assert_eq!(
        recorded.collect::<Vec<_>>(),
        [
            event("project.deleted", None),
            event("project.changed", Some("Two")),
            event("project.created", Some("One"))
        ]
    );
}

/// Makes events of several types and actors, at most one in a second. Returns an admin's key and its id.
async fn make_events(service: &OwnService, account: &Account) -> (Credential, String) {
    let (key, record) = service.key(&account.session, json!({})).await;
    for n in 0..3 {
        service.time.next_second();
        service
            .post("/v1/projects", &account.session, json!({"name": format!("Project {n}")}))
            .await
            .expect(201);
        service.time.next_second();
        service.post("/v1/projects", &key, json!({"name": format!("Project {n}")})).await.expect(201);
        service.time.next_second();
        service.key(&key, json!({"permissions": ["read"]})).await;
    }
    service.time.next_second();
    service.suspend(account).await;
    service.time.next_second();
    service.restore(account).await;
    service.time.next_second();
    (key, text(&record, "id").to_owned())
}

/// A query, and whether it selects an event.
type Filter<'a> = (String, &'a dyn Fn(&Value) -> bool);

#[tokio::test]
async fn filters_select_events_by_type_actor_and_time_also_together() {
    let (service, account) = start_own().await;
    let (key, key_id) = make_events(&service, &account).await;
    let all = events(&service, &key, "").await;
    let since = text(&all[4], "created_at");
    let until = text(&all[2], "created_at");
    let project = |event: &Value| event["type"] == "project.created";
    let by_key = |event: &Value| event["actor"]["key_id"] == key_id.as_str();
    let by_member = |event: &Value| event["actor"]["user_id"] == account.user_id.as_str();
    let by_operator = |event: &Value| event["actor"]["type"] == "operator";
    let about_key = |event: &Value| by_key(event) || event["key_id"] == key_id.as_str();
    let from = |event: &Value| text(event, "created_at") >= since;
    let before = |event: &Value| text(event, "created_at") < until;
    let filters: [Filter<'_>; 10] = [
        ("type=project.created".to_owned(), &project),
        ("type=password.changed".to_owned(), &|_| false),
        (format!("actor={key_id}"), &by_key),
        (format!("actor={}", account.user_id), &by_member),
        ("actor=operator".to_owned(), &by_operator),
        (format!("since={since}"), &from),
        (format!("until={until}"), &before),
        (format!("since={since}&until={until}"), &|event| from(event) && before(event)),
        (format!("key_id={key_id}&actor={}", account.user_id), &|event| about_key(event) && by_member(event)),
        (format!("type=project.created&actor={key_id}&since={since}&key_id={key_id}"), &|event| {
            project(event) && by_key(event) && from(event)
        }),
    ];
    for (query, matches) in filters {
        let expected: Vec<_> =
            all.iter().filter(|event| matches(event)).map(|event| text(event, "id")).collect();
        for limit in [1, 2, 100] {
            let ids = service.ids(&format!("/v1/audit-events?{query}"), &key, limit).await;
            assert_eq!(ids, expected, "{query} {limit}");
        }
    }
}

#[tokio::test]
async fn filtered_page_of_a_long_trail_needs_one_query() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let (key, _) = service.key(&account.session, json!({})).await;
    let table = service.gateway.table("Table").expect("the table");
    let template =
        service.items().await.into_iter().find(|item| item["sk"].as_s().unwrap().starts_with("EVENT#"));
    let template = template.expect("an event");
    // Newer than all other events.
    for n in 0..2_500 {
        let id = AttributeValue::S(format!("event_zzzzzzzz{n:08}"));
        let mut item = template.clone();
        item.insert("sk".to_owned(), AttributeValue::S(format!("EVENT#event_zzzzzzzz{n:08}")));
        item.insert("id".to_owned(), id);
        item.insert("type".to_owned(), AttributeValue::S("account.restored".to_owned()));
        let put = service.gateway.dynamodb().put_item().table_name(table).set_item(Some(item));
        put.send().await.expect("the event is stored");
    }
    let mut path = "/v1/audit-events?type=api_key.created&limit=1".to_owned();
    for (events, has_next) in [(0, true), (0, true), (1, false)] {
        dynamodb.calls();
        let page = service.get(&path, &key).await.expect(200);
        let queries = dynamodb.calls().into_iter().filter(|call| call == "Query").count();
        assert_eq!(
            (queries, page["data"].as_array().map(Vec::len), page["next_cursor"].is_string()),
            (1, Some(events), has_next),
            "{page}"
        );
        if has_next {
            path = format!(
                "/v1/audit-events?type=api_key.created&limit=1&cursor={}",
                text(&page, "next_cursor")
            );
        }
    }
}

#[tokio::test]
async fn until_that_is_not_after_since_returns_400() {
    let (service, account) = start().await;
    for (since, until) in
        [("2026-01-30T12:00:00Z", "2026-01-30T12:00:00Z"), ("2026-01-30T12:00:00Z", "1970-01-01T00:00:00Z")]
    {
        let path = format!("/v1/audit-events?since={since}&until={until}");
        service.get(&path, &account.session).await.assert_bad_field("until");
    }
    for (since, until) in
        [("1970-01-01T00:00:00Z", "1970-01-01T00:00:01Z"), ("9999-12-31T23:59:58Z", "9999-12-31T23:59:59Z")]
    {
        let path = format!("/v1/audit-events?since={since}&until={until}");
        let page = service.get(&path, &account.session).await.expect(200);
        assert_eq!(page, json!({"data": [], "next_cursor": null}));
    }
}

#[tokio::test]
async fn only_the_first_login_of_a_member_from_a_source_in_an_hour_is_recorded() {
    let (service, account) = start_own().await;
    let recorded = async || {
        let all = events(&service, &account.session, "?type=login.succeeded").await;
        all.iter().map(|event| text(event, "source_ip").to_owned()).collect::<Vec<_>>()
    };
    let log_in_from = async |source| {
        let response = attempt_from(&service, source, &account.email, PASSWORD).await;
        assert_eq!(response.status, 200);
    };
    // The login that created the session of the account.
    assert_eq!(recorded().await, ["127.0.0.1"]);
    service.time.pass(3_590);
    service.login(&account.email).await;
    let other = service.login(&account.email).await;
    let address_of_member = new_address();
    let (_, member) = service.member_with_email(&other, &address_of_member, &["read"]).await;
    service.login(&address_of_member).await;
    log_in_from("192.0.2.1").await;
    log_in_from("192.0.2.1").await;
    let change = json!({"current_password": PASSWORD, "new_password": PASSWORD.to_uppercase()});
    service.post("/v1/auth/password", &other, change).await.expect(204);
    let body = json!({"email": account.email, "password": PASSWORD.to_uppercase()});
    let login = async || service.request("POST", "/v1/auth/login").json(&body).send().await.expect(200);
    let session = Credential::session(text(&login().await, "session_token"));
    let events_of = async |actor: &str| {
        let query = format!("?type=login.succeeded&actor={actor}");
        events(&service, &session, &query).await.len()
    };
    assert_eq!((events_of(&account.user_id).await, events_of(&member).await), (2, 1));
    // The next hour of the clock.
    service.time.pass(10);
    login().await;
    login().await;
    assert_eq!(events_of(&account.user_id).await, 3);
}

#[tokio::test]
async fn page_after_an_event_outside_the_range_begins_at_its_end_or_is_empty() {
    let (service, account) = start_own().await;
    let (key, _) = make_events(&service, &account).await;
    let all = events(&service, &key, "").await;
    let [since, until] = [&all[5], &all[2]].map(|event| text(event, "created_at").parse().ok());
    let filter = AuditEventFilter { since, until, ..AuditEventFilter::default() };
    let list = List::new(filter, &account.id);
    let [since, until] = [&all[5], &all[2]].map(|event| text(event, "created_at"));
    let ids_after = async |event: &Value| {
        let cursor = list.cursor_after(text(event, "id"));
        events(&service, &key, &format!("?since={since}&until={until}&cursor={cursor}")).await
    };
    assert_eq!(ids_after(&all[0]).await, all[3..=5]);
    assert_eq!(ids_after(&all[3]).await, all[4..=5]);
    assert_eq!(ids_after(&all[6]).await, [Value::Null; 0]);
}
