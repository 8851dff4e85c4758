//! `GET` and `PATCH /v1/account`.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    response::{Response, text},
    service::{Account, OwnService, Service, key_path},
};

const DAY: i64 = 24 * 60 * 60;

async fn start() -> (OwnService, Account) {
    let service = OwnService::start().await;
    let account = service.account().await;
    (service, account)
}

async fn change(service: &Service, account: &Account, body: Value) -> Response {
    service.patch("/v1/account", &account.session, body).await
}

async fn set_policy(service: &Service, account: &Account, policy: Value) {
    change(service, account, json!({"policy": policy})).await.expect(200);
}

/// Returns the number of audit events of this type, and the newest one.
async fn events(service: &Service, account: &Account, event_type: &str) -> (usize, Value) {
    let events = service.get("/v1/audit-events?limit=100", &account.session).await.expect(200);
    let events: Vec<_> = events["data"].as_array().expect("a list").clone();
    let of_type: Vec<_> = events.into_iter().filter(|event| event["type"] == event_type).collect();
    (of_type.len(), of_type.first().cloned().unwrap_or_default())
}

fn default_policy() -> Value {
    json!({
        "require_second_factor": false, "reauthentication_minutes": null,
        "max_key_lifetime_days": null, "idle_key_days": null,
    })
}

#[tokio::test]
async fn new_account_has_the_default_policy_and_limits() {
    let (service, account) = start().await;
    let shown = service.get("/v1/account", &account.session).await.expect(200);
    assert_eq!(
        (&shown["id"], &shown["name"], &shown["status"]),
        (&json!(account.id), &json!("Study"), &json!("active"))
    );
    assert_eq!(shown["created_at"], "2026-01-30T00:00:00Z");
    assert_eq!(shown["policy"], default_policy());
    let limits = json!({
        "requests_per_minute": {"live": 6_000, "test": 100},
        "keys": {"live": 500, "test": 20},
        "sessions_per_member": 50,
    });
    assert_eq!(shown["limits"], limits);
}

#[tokio::test]
async fn limits_are_those_that_the_operator_has_set() {
    let (service, account) = start().await;
    let command = json!({"set_limits": {
        "account_id": account.id,
        "requests_per_minute": {"live": 7, "test": 5},
        "keys": {"live": 3},
        "sessions_per_member": 2,
    }});
    service.operate(command).await.expect("the limits are set");
    let shown = service.get("/v1/account", &account.session).await.expect(200);
    let limits = json!({
        "requests_per_minute": {"live": 7, "test": 5},
        "keys": {"live": 3, "test": 20},
        "sessions_per_member": 2,
    });
    assert_eq!(shown["limits"], limits);
}

#[tokio::test]
async fn given_fields_change_and_the_others_stay() {
    let (service, account) = start().await;
    let mut expected = service.get("/v1/account", &account.session).await.expect(200);
    for (body, changed) in [
        (json!({"name": "  Study B "}), json!({"name": "Study B"})),
        (json!({"policy": {"idle_key_days": 90}}), json!({"idle_key_days": 90})),
        (json!({"policy": {"max_key_lifetime_days": 365}}), json!({"max_key_lifetime_days": 365})),
        (json!({"name": "C", "policy": {"idle_key_days": 7}}), json!({"name": "C", "idle_key_days": 7})),
        (json!({"policy": {"idle_key_days": null}}), json!({"idle_key_days": null})),
        (json!({"policy": {"max_key_lifetime_days": null}}), json!({"max_key_lifetime_days": null})),
        (json!({"policy": {"reauthentication_minutes": 5}}), json!({"reauthentication_minutes": 5})),
        (json!({"policy": {"reauthentication_minutes": 720}}), json!({"reauthentication_minutes": 720})),
        (json!({"policy": {"reauthentication_minutes": null}}), json!({"reauthentication_minutes": null})),
        (
            json!({"policy": {"idle_key_days": 3_650, "max_key_lifetime_days": 1}}),
            json!({"idle_key_days": 3_650, "max_key_lifetime_days": 1}),
        ),
    ] {
        let Value::Object(fields) = changed else { panic!("an object") };
        for (name, value) in fields {
            if name == "name" {
                expected["name"] = value;
            } else {
                expected["policy"][name] = value;
            }
        }
        assert_eq!(change(&service, &account, body.clone()).await.expect(200), expected, "{body}");
        assert_eq!(service.get("/v1/account", &account.session).await.expect(200), expected, "{body}");
    }
}

#[tokio::test]
async fn change_is_recorded_once_with_the_new_name_and_policy() {
    let (service, account) = start().await;
    let body = json!({"name": "New", "policy": {"idle_key_days": 30, "require_second_factor": false}});
    let first = change(&service, &account, body.clone()).await.expect(200);
    assert_eq!(change(&service, &account, body).await.expect(200), first);
    for unchanged in [json!({"require_second_factor": false}), json!({"reauthentication_minutes": null})] {
        set_policy(&service, &account, unchanged).await;
    }
    let (count, event) = events(&service, &account, "account.changed").await;
    assert_eq!(count, 1);
    assert_eq!((&event["name"], &event["policy"]), (&first["name"], &first["policy"]));
    assert_eq!(event["actor"]["user_id"], json!(account.user_id));
}

#[tokio::test]
async fn empty_or_invalid_body_returns_400_and_changes_nothing() {
    let (service, account) = start().await;
    let before = service.get("/v1/account", &account.session).await.expect(200);
    change(&service, &account, json!({})).await.assert_error(400, "BAD_REQUEST");
    for (field, value) in [
        ("name", Value::Null),
        ("name", json!("")),
        ("policy", Value::Null),
        ("policy", json!({})),
        ("policy", json!([])),
        ("policy", json!({"unknown": 1})),
        ("policy", json!({"require_second_factor": 1})),
        ("policy", json!({"require_second_factor": null})),
        ("policy", json!({"reauthentication_minutes": 4})),
        ("policy", json!({"reauthentication_minutes": 721})),
        ("policy", json!({"max_key_lifetime_days": 0})),
        ("policy", json!({"max_key_lifetime_days": 3_651})),
        ("policy", json!({"max_key_lifetime_days": "30"})),
        ("policy", json!({"max_key_lifetime_days": 1.5})),
        ("policy", json!({"idle_key_days": 6})),
        ("policy", json!({"idle_key_days": 3_651})),
        ("status", json!("suspended")),
        ("limits", json!({})),
        ("id", json!("acct_0000000000000001")),
        ("revision", json!(0)),
    ] {
        change(&service, &account, json!({field: value})).await.assert_bad_field(field);
    }
    assert_eq!(service.get("/v1/account", &account.session).await.expect(200), before);
}

#[tokio::test]
async fn member_without_admin_sees_the_account_and_cannot_change_it() {
    let (service, account) = start().await;
    let (member, _) = service.member(&account.session, &["read"]).await;
    let shown = service.get("/v1/account", &member).await.expect(200);
    assert_eq!(shown, service.get("/v1/account", &account.session).await.expect(200));
    service.patch("/v1/account", &member, json!({"name": "New"})).await.assert_forbidden();
}

#[tokio::test]
async fn of_concurrent_changes_each_is_applied_completely_or_gets_409() {
    let (service, account) = start().await;
    let mut requests = JoinSet::new();
    for days in 1..=8 {
        let request = service.request("PATCH", "/v1/account").with(&account.session);
        let policy = json!({"max_key_lifetime_days": days, "idle_key_days": days + 6});
        requests.spawn(request.json(&json!({"policy": policy})).send());
    }
    let mut succeeded = 0;
    for response in requests.join_all().await {
        if response.status == 200 {
            succeeded += 1;
        } else {
            response.assert_error(409, "CONFLICT");
        }
    }
    assert!(succeeded >= 1);
    let policy = service.get("/v1/account", &account.session).await.expect(200)["policy"].take();
    let days = policy["max_key_lifetime_days"].as_i64().expect("a number");
    assert_eq!(policy["idle_key_days"], days + 6);
    assert_eq!(events(&service, &account, "account.changed").await.0, succeeded);
}

#[tokio::test]
async fn new_key_needs_an_expiry_within_the_maximum_lifetime() {
    let (service, account) = start().await;
    set_policy(&service, &account, json!({"max_key_lifetime_days": 30})).await;
    let (maker, _) =
        service.key(&account.session, json!({"expires_at": service.time.in_seconds(30 * DAY)})).await;
    for by in [&account.session, &maker] {
        let create = async |expires_at: Option<i64>| {
            service.time.back_to_second_start();
            let expires_at = expires_at.map(|seconds| service.time.in_seconds(seconds));
            let body = json!({"name": "A", "permissions": ["read"], "expires_at": expires_at});
            service.post("/v1/api-keys", by, body).await
        };
        for expires_at in [None, Some(30 * DAY + 1), Some(31 * DAY)] {
            let response = create(expires_at).await;
            response.assert_bad_field("expires_at");
            let message = text(&response.body["error"], "message");
            assert!(message.contains("30 days"), "{message}");
        }
        for expires_at in [1, 30 * DAY] {
            create(Some(expires_at)).await.expect(201);
        }
    }
    // A malformed request gets 400 even if it also exceeds the caller.
    let body = json!({"name": "A", "permissions": ["write"]});
    let (reader, _) = service.member(&account.session, &["read"]).await;
    service.post("/v1/api-keys", &reader, body).await.assert_bad_field("expires_at");
    set_policy(&service, &account, json!({"max_key_lifetime_days": null})).await;
    service.key(&account.session, json!({})).await;
}

#[tokio::test]
async fn changed_key_needs_an_expiry_within_the_maximum_lifetime_unless_it_is_only_disabled() {
    let (service, account) = start().await;
    let (key, record) = service.key(&account.session, json!({})).await;
    let path = key_path(&record);
    set_policy(&service, &account, json!({"max_key_lifetime_days": 30})).await;
    // The policy changes and ends no key by itself.
    assert_eq!(service.get(&path, &account.session).await.expect(200)["expires_at"], Value::Null);
    service.me(&key).await.expect(200);
    let change_key = async |body: Value| {
        service.time.back_to_second_start();
        service.patch(&path, &account.session, body).await
    };
    let at = |days: i64| service.time.in_seconds(days * DAY);
    for body in [
        json!({"name": "New"}),
        json!({"permissions": ["read"]}),
        json!({"disabled": false}),
        json!({"disabled": true, "name": "New"}),
        json!({"expires_at": null}),
        json!({"expires_at": at(31)}),
    ] {
        change_key(body).await.assert_bad_field("expires_at");
    }
    change_key(json!({"disabled": true})).await.expect(200);
    change_key(json!({"disabled": false})).await.assert_bad_field("expires_at");
    change_key(json!({"disabled": false, "expires_at": at(30)})).await.expect(200);
    service.me(&key).await.expect(200);
    // The key complies now, so every change is possible. The limit counts from the time of the change.
    change_key(json!({"name": "New"})).await.expect(200);
    service.time.pass(600);
    change_key(json!({"expires_at": at(30)})).await.expect(200);
    // A rotation does not change the lifetime.
    let (_, lasting) = service.key(&account.session, json!({"expires_at": at(30)})).await;
    set_policy(&service, &account, json!({"max_key_lifetime_days": 1})).await;
    service.rotate(&lasting, &account.session, 0).await;
    service.delete(&key_path(&lasting), &account.session).await.expect(204);
}

#[tokio::test]
async fn list_of_keys_is_narrowed_to_those_that_comply_or_do_not() {
    let (service, account) = start().await;
    let key = async |fields| {
        let (_, record) = service.key(&account.session, fields).await;
        (text(&record, "id").to_owned(), key_path(&record))
    };
    let (never, never_path) = key(json!({})).await;
    let (late, _) = key(json!({"expires_at": service.time.in_seconds(40 * DAY), "type": "test"})).await;
    let (soon, _) = key(json!({"expires_at": service.time.in_seconds(20 * DAY)})).await;
    let (_, revoked_path) = key(json!({})).await;
    key(json!({"expires_at": service.time.in_seconds(1)})).await;
    service.delete(&revoked_path, &account.session).await.expect(204);
    service.time.pass(1);
    let list = async |query: &str| service.ids(&format!("/v1/api-keys?{query}"), &account.session, 1).await;
    let all = [&soon, &late, &never].map(String::clone);
    assert_eq!(list("compliant=false").await, [""; 0]);
    assert_eq!(list("compliant=true").await, all);
    set_policy(&service, &account, json!({"max_key_lifetime_days": 30})).await;
    assert_eq!(list("compliant=false").await, all[1..]);
    assert_eq!(list("compliant=true").await, all[..1]);
    assert_eq!(list("compliant=false&status=all").await, all[1..]);
    assert_eq!(list("compliant=false&type=test").await, std::slice::from_ref(&late));
    service.patch(&never_path, &account.session, json!({"disabled": true})).await.expect(200);
    assert_eq!(list("compliant=false&status=disabled").await, [never]);
    for invalid in ["yes", "1", "", "False"] {
        let path = format!("/v1/api-keys?compliant={invalid}");
        service.get(&path, &account.session).await.assert_bad_field("compliant");
    }
    // As time passes, a later expiry is within the limit.
    service.time.pass(10 * DAY);
    let session = service.login(&account.email).await;
    assert_eq!(service.ids("/v1/api-keys?compliant=true", &session, 5).await, [soon, late]);
}
