//! `PATCH /v1/api-keys/{key_id}`.

use serde_json::{Value, json};

use crate::{
    response::{Response, text, without},
    service::{Account, Credential, OwnService, Service, key_path},
};

async fn start() -> (Service, Account) {
    let service = Service::start().await;
    let account = service.account().await;
    (service, account)
}

/// Sends a request to change a key.
async fn change(service: &Service, key: &Value, by: &Credential, body: Value) -> Response {
    service.patch(&key_path(key), by, body).await
}

#[tokio::test]
async fn given_fields_change_and_the_others_stay() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (key, created) = service.key(&account.session, json!({"permissions": ["read", "write"]})).await;
    let mut expected = without(&created, "key");
    for change in [
        json!({"name": "Renamed"}),
        json!({"permissions": ["delete", "read"]}),
        json!({"scope": {"projects": ["proj_a", "proj_b"]}}),
        json!({"scope": {"projects": ["proj_b"]}}),
        json!({"scope": null}),
        json!({"expires_at": service.time.in_seconds(1_000)}),
        json!({"expires_at": null}),
        json!({"allowed_ips": ["127.0.0.0/8", "192.0.2.1"]}),
        json!({"allowed_ips": null}),
        json!({"disabled": true}),
        json!({"disabled": false, "name": "Enabled", "permissions": ["write"]}),
    ] {
        let Value::Object(fields) = change.clone() else { panic!("an object") };
        for (name, value) in fields {
            match (name.as_str(), value) {
                ("disabled", value) => {
                    expected["status"] = json!(if value == true { "disabled" } else { "active" });
                }
                ("permissions", value) if value == json!(["delete", "read"]) => {
                    expected["permissions"] = json!(["read", "delete"]);
                }
                (name, value) => expected[name] = value,
            }
        }
        let path = key_path(&created);
        assert_eq!(
            service.patch(&path, &account.session, change.clone()).await.expect(200),
            expected,
            "{change}"
        );
        assert_eq!(service.get(&path, &account.session).await.expect(200), expected, "{change}");
    }
    assert_eq!(service.me(&key).await.expect(200)["permissions"], json!(["write"]));
}

#[tokio::test]
async fn change_takes_effect_with_the_next_request_of_both_secrets() {
    let (service, account) = start().await;
    let project = service.project(&account.session).await;
    let (old, created) = service.key(&account.session, json!({"permissions": ["read"]})).await;
    let (new, _) = service.rotate(&created, &account.session, 3_600).await;
    let path = format!("/v1/projects/{project}");
    for (body, status) in [
        (json!({"permissions": ["write"]}), 403),
        (json!({"permissions": ["read"]}), 200),
        (json!({"scope": {"projects": ["proj_other"]}}), 403),
        (json!({"scope": {"projects": [project]}}), 200),
        (json!({"allowed_ips": ["192.0.2.0/24"]}), 403),
        (json!({"allowed_ips": ["127.0.0.1"]}), 200),
        (json!({"disabled": true}), 401),
        (json!({"disabled": false}), 200),
    ] {
        change(&service, &created, &account.session, body.clone()).await.expect(200);
        for secret in [&old, &new] {
            assert_eq!(service.get(&path, secret).await.status, status, "{body}");
        }
    }
}

#[tokio::test]
async fn empty_or_malformed_body_returns_400_and_changes_nothing() {
    let (service, account) = start().await;
    let (_, created) = service.key(&account.session, json!({})).await;
    change(&service, &created, &account.session, json!({})).await.assert_error(400, "BAD_REQUEST");
    for (field, value) in [
        ("name", Value::Null),
        ("name", json!("")),
        ("permissions", Value::Null),
        ("permissions", json!([])),
        ("disabled", Value::Null),
        ("disabled", json!("true")),
        ("scope", json!({"projects": []})),
        ("expires_at", json!("2025-01-30T12:00:00Z")),
        ("expires_at", json!(1)),
        ("allowed_ips", json!([])),
        ("allowed_ips", json!(["192.0.2.1/24"])),
        ("allowed_ips", json!(["example.com"])),
        ("type", json!("test")),
        ("id", created["id"].clone()),
        ("account_id", json!("acct_0000000000000001")),
        ("created_by", json!(account.user_id)),
        ("status", json!("active")),
        ("revision", json!(0)),
    ] {
        change(&service, &created, &account.session, json!({field: value})).await.assert_bad_field(field);
    }
    let unchanged = service.get(&key_path(&created), &account.session).await.expect(200);
    assert_eq!(unchanged, without(&created, "key"));
}

#[tokio::test]
async fn ended_key_returns_409_and_stays_ended() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (expired, expired_record) =
        service.key(&account.session, json!({"expires_at": service.time.in_seconds(10)})).await;
    let (revoked, revoked_record) = service.key(&account.session, json!({})).await;
    service.delete(&key_path(&revoked_record), &account.session).await.expect(204);
    service.time.pass(10);
    for (key, record) in [(expired, expired_record), (revoked, revoked_record)] {
        for body in [json!({"expires_at": null}), json!({"disabled": false}), json!({"name": "New"})] {
            change(&service, &record, &account.session, body).await.assert_error(409, "CONFLICT");
        }
        service.me(&key).await.assert_unauthorized();
    }
}

#[tokio::test]
async fn repeated_change_returns_200_and_records_no_second_event() {
    let (service, account) = start().await;
    let (_, created) = service.key(&account.session, json!({})).await;
    let body = json!({"name": "Renamed", "disabled": true, "allowed_ips": ["127.0.0.1/32", "127.0.0.1"]});
    let first = change(&service, &created, &account.session, body.clone()).await.expect(200);
    assert_eq!(change(&service, &created, &account.session, body).await.expect(200), first);
    let events = format!("/v1/audit-events?key_id={}", text(&created, "id"));
    let events = service.get(&events, &account.session).await.expect(200);
    let types: Vec<_> = events["data"].as_array().unwrap().iter().map(|event| &event["type"]).collect();
    assert_eq!(types, ["api_key.changed", "api_key.created"]);
    let event = &events["data"][0];
    assert_eq!(event["name"], "Renamed");
    assert_eq!((&event["allowed_ips"], &event["disabled"]), (&json!(["127.0.0.1"]), &json!(true)));
}

#[tokio::test]
async fn key_cannot_change_itself() {
    let (service, account) = start().await;
    let (key, created) = service.key(&account.session, json!({"permissions": ["read", "admin"]})).await;
    for body in [json!({"name": "New"}), json!({"disabled": true}), json!({"permissions": ["read"]})] {
        change(&service, &created, &key, body).await.assert_forbidden();
    }
}

#[tokio::test]
async fn another_members_session_needs_admin_to_change_rotate_or_revoke() {
    let (service, account) = start().await;
    let (creator, creator_id) = service.member(&account.session, &["read", "write"]).await;
    let (other, _) = service.member(&account.session, &["read", "write", "delete"]).await;
    let (admin, _) = service.member(&account.session, &["read", "write", "admin"]).await;
    let (_, created) = service.key(&creator, json!({"permissions": ["read"]})).await;
    assert_eq!(created["created_by"], json!(creator_id));
    let path = key_path(&created);
    service.get(&path, &other).await.expect(200);
    for (method, path, body) in [
        ("PATCH", path.clone(), json!({"name": "New"})),
        ("POST", format!("{path}/rotate"), json!({})),
        ("DELETE", path.clone(), json!({})),
    ] {
        service.request(method, &path).with(&other).json(&body).send().await.assert_forbidden();
        for allowed in [&creator, &admin] {
            let status = service.request(method, &path).with(allowed).json(&body).send().await.status;
            assert!(matches!(status, 200 | 204), "{method} {status}");
        }
    }
}

#[tokio::test]
async fn added_access_beyond_the_callers_returns_403() {
    let (service, account) = start().await;
    let (creator, member) = service.member(&account.session, &["read", "write"]).await;
    let scope = json!({"projects": ["proj_a"]});
    let fields = json!({
        "permissions": ["read", "write"], "scope": scope, "allowed_ips": ["127.0.0.1"],
        "expires_at": "2999-01-30T12:00:00Z",
    });
    let (_, created) = service.key(&creator, fields).await;
    let path = format!("/v1/members/{member}");
    service.patch(&path, &account.session, json!({"permissions": ["read"]})).await.expect(200);
    // The creator no longer holds `write`, which the key has.
    for body in [
        json!({"permissions": ["read", "write", "delete"]}),
        json!({"scope": null}),
        json!({"scope": {"projects": ["proj_a", "proj_b"]}}),
        json!({"allowed_ips": null}),
        json!({"allowed_ips": ["127.0.0.1", "127.0.0.2"]}),
        json!({"expires_at": null}),
        json!({"expires_at": "2999-01-30T12:00:01Z"}),
    ] {
        change(&service, &created, &creator, body).await.assert_forbidden();
    }
    for body in
        [json!({"name": "Renamed"}), json!({"expires_at": "2998-01-30T12:00:00Z"}), json!({"disabled": true})]
    {
        change(&service, &created, &creator, body).await.expect(200);
    }
    change(&service, &created, &creator, json!({"disabled": false})).await.assert_forbidden();
    // Without `write`, the key has only what the creator holds.
    for body in [json!({"permissions": ["read"]}), json!({"disabled": false}), json!({"scope": null})] {
        change(&service, &created, &creator, body).await.expect(200);
    }
}

#[tokio::test]
async fn key_extends_another_key_only_within_its_own_expiry_scope_and_addresses() {
    let (service, account) = start().await;
    let within = json!({
        "permissions": ["read", "admin"],
        "scope": {"projects": ["proj_a", "proj_b"]},
        "allowed_ips": ["127.0.0.0/24"],
        "expires_at": "2999-01-30T12:00:00Z",
    });
    let (admin, _) = service.key(&account.session, within).await;
    let narrow = json!({
        "permissions": ["read"], "scope": {"projects": ["proj_a"]}, "allowed_ips": ["127.0.0.1"],
        "expires_at": "2998-01-30T12:00:00Z",
    });
    let (_, created) = service.key(&admin, narrow).await;
    for (body, status) in [
        (json!({"permissions": ["read", "write"]}), 403),
        (json!({"scope": {"projects": ["proj_a", "proj_c"]}}), 403),
        (json!({"scope": null}), 403),
        (json!({"allowed_ips": ["127.0.1.1"]}), 403),
        (json!({"allowed_ips": null}), 403),
        (json!({"expires_at": "2999-01-30T12:00:01Z"}), 403),
        (json!({"expires_at": null}), 403),
        (json!({"scope": {"projects": ["proj_b"]}}), 200),
        (json!({"allowed_ips": ["127.0.0.0/25"]}), 200),
        (json!({"expires_at": "2999-01-30T12:00:00Z"}), 200),
    ] {
        let response = change(&service, &created, &admin, body.clone()).await;
        assert_eq!(response.status, status, "{body}");
    }
}

#[tokio::test]
async fn key_that_an_admin_disabled_is_enabled_only_by_an_admin_session() {
    let (service, account) = start().await;
    let (creator, _) = service.member(&account.session, &["read", "write"]).await;
    let (admin_key, _) =
        service.key(&account.session, json!({"permissions": ["read", "write", "admin"]})).await;
    let (key, created) = service.key(&creator, json!({"permissions": ["read"]})).await;
    for (disabled_by, may_enable) in [
        (&creator, [true, true, true]),
        (&admin_key, [true, true, true]),
        (&account.session, [false, false, true]),
    ] {
        for (enabled_by, may_enable) in [&creator, &admin_key, &account.session].into_iter().zip(may_enable) {
            change(&service, &created, disabled_by, json!({"disabled": true})).await.expect(200);
            service.me(&key).await.assert_unauthorized();
            let enabled = change(&service, &created, enabled_by, json!({"disabled": false})).await;
            assert_eq!(enabled.status, if may_enable { 200 } else { 403 });
            assert_eq!(service.me(&key).await.status, if may_enable { 200 } else { 401 });
        }
    }
}

#[tokio::test]
async fn disabled_key_cannot_be_rotated_and_can_be_revoked() {
    let (service, account) = start().await;
    let (_, created) = service.key(&account.session, json!({})).await;
    change(&service, &created, &account.session, json!({"disabled": true})).await.expect(200);
    let path = key_path(&created);
    service.post(&format!("{path}/rotate"), &account.session, json!({})).await.assert_error(409, "CONFLICT");
    service.delete(&path, &account.session).await.expect(204);
    let shown = service.get(&path, &account.session).await.expect(200);
    assert_eq!(shown["status"], "revoked");
}

#[tokio::test]
async fn request_from_another_address_returns_403_and_uses_no_quota() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (key, created) = service.key(&account.session, json!({"type": "test"})).await;
    let remaining = async || {
        let response = service.me(&key).await;
        response.header("RateLimit").expect("a key has a limit").to_owned()
    };
    let before = remaining().await;
    change(&service, &created, &account.session, json!({"allowed_ips": ["192.0.2.0/24"]})).await.expect(200);
    for _ in 0..3 {
        service.me(&key).await.assert_forbidden();
    }
    change(&service, &created, &account.session, json!({"allowed_ips": ["::ffff:127.0.0.1"]}))
        .await
        .expect(200);
    let used = |header: &str| {
        let (_, rest) = header.split_once("r=").expect("the remaining requests");
        rest.split(';').next().and_then(|number| number.parse::<u32>().ok()).expect("a number")
    };
    assert_eq!(used(&remaining().await), used(&before) - 1);
}
