//! `POST /v1/api-keys`.

use serde_json::{Value, json};

use crate::{
    response::{text, without},
    service::{Credential, OwnService, Service, key_path},
};

const PATH: &str = "/v1/api-keys";

/// A body that creates a key, with these additional fields.
fn body(fields: Value) -> Value {
    let mut body = json!({"name": "A key", "permissions": ["read"]});
    let Value::Object(fields) = fields else { panic!("fields are an object") };
    body.as_object_mut().unwrap().extend(fields);
    body
}

#[tokio::test]
async fn with_all_fields_returns_201() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let request = json!({
        "name": "Production Server",
        "permissions": ["read", "write"],
        "type": "live",
        "scope": {"projects": ["proj_abc123"]},
        "expires_at": "2027-01-30T12:00:00Z",
        "allowed_ips": ["2001:DB8::1/128", "192.0.2.0/24", "192.0.2.7"],
    });
    let created = service.post(PATH, &account.session, request).await.expect(201);
    let (id, key) = (text(&created, "id"), text(&created, "key"));
    let expected = json!({
        "id": id,
        "name": "Production Server",
        "type": "live",
        "permissions": ["read", "write"],
        "scope": {"projects": ["proj_abc123"]},
        "allowed_ips": ["192.0.2.0/24", "2001:db8::1"],
        "hint": format!("mt_live_…{}", &key[key.len() - 4..]),
        "status": "active",
        "created_at": service.time.in_seconds(0),
        "created_by": account.user_id,
        "expires_at": "2027-01-30T12:00:00Z",
        "last_used_at": null,
        "last_used_ip": null,
        "previous_secret": null,
        "key": key,
    });
    assert_eq!(created, expected);
    assert!(id.starts_with("key_") && key.starts_with("mt_live_"), "{created}");
}

#[tokio::test]
async fn created_key_works_immediately() {
    let service = Service::start().await;
    let account = service.account().await;
    let (key, created) = service.key(&account.session, json!({"name": "CI", "permissions": ["write"]})).await;
    let expected = json!({
        "type": "api_key",
        "account_id": account.id,
        "key_id": created["id"],
        "name": "CI",
        "key_type": "live",
        "permissions": ["write"],
        "scope": null,
        "expires_at": null,
        "secret": "current",
    });
    assert_eq!(service.me(&key).await.expect(200), expected);
}

#[tokio::test]
async fn defaults_are_live_type_every_project_and_no_expiry() {
    let service = Service::start().await;
    let account = service.account().await;
    for fields in [json!({}), json!({"scope": null, "expires_at": null})] {
        let created = service.post(PATH, &account.session, body(fields)).await.expect(201);
        assert_eq!(created["type"], "live");
        assert!(created["scope"].is_null() && created["expires_at"].is_null(), "{created}");
    }
}

#[tokio::test]
async fn test_key_has_the_test_prefix_in_secret_and_hint() {
    let service = Service::start().await;
    let account = service.account().await;
    let created = service.post(PATH, &account.session, body(json!({"type": "test"}))).await.expect(201);
    let key = text(&created, "key");
    assert!(key.starts_with("mt_test_"));
    assert_eq!(created["type"], "test");
    assert_eq!(created["hint"], format!("mt_test_…{}", &key[key.len() - 4..]));
}

#[tokio::test]
async fn permissions_are_returned_in_order_without_duplicates() {
    let service = Service::start().await;
    let account = service.account().await;
    for (requested, returned) in [
        (json!(["admin", "delete", "write", "read"]), json!(["read", "write", "delete", "admin"])),
        (json!(["delete", "read", "delete", "read"]), json!(["read", "delete"])),
        (json!(["admin"]), json!(["admin"])),
    ] {
        let (key, created) = service.key(&account.session, json!({"permissions": requested})).await;
        assert_eq!(created["permissions"], returned);
        assert_eq!(service.me(&key).await.expect(200)["permissions"], returned);
    }
}

#[tokio::test]
async fn name_is_trimmed_and_measured_in_characters() {
    let service = Service::start().await;
    let account = service.account().await;
    let (short, long) = ("ä", "ä".repeat(100));
    for (requested, returned) in [(" \t A key\n ", "A key"), (short, short), (&format!("  {long}  "), &long)]
    {
        let created =
            service.post(PATH, &account.session, body(json!({"name": requested}))).await.expect(201);
        assert_eq!(created["name"], returned);
    }
}

#[tokio::test]
async fn invalid_field_returns_400_and_creates_nothing() {
    let service = Service::start().await;
    let account = service.account().await;
    let ids = |count: usize| (0..count).map(|n| format!("proj_{n}")).collect::<Vec<_>>();
    for (field, values) in [
        ("name", json!(["", "  ", "a\u{7}b", "a\nb", "a".repeat(101), "ä".repeat(101), 1, null, ["a"]])),
        ("permissions", json!([[], ["root"], ["READ"], ["read", null], "read", null, {"read": true}])),
        ("type", json!(["LIVE", "prod", "", 1, null])),
        (
            "scope",
            json!([
                {}, [], "proj_a", {"projects": []}, {"projects": null}, {"projects": ids(101)},
                {"projects": ["a"]}, {"projects": ["proj_"]}, {"projects": ["proj_ä"]}, {"projects": ["PROJ_a"]},
                {"projects": [format!("proj_{}", "a".repeat(65))]}, {"projects": ["proj_a", "proj_a/b"]},
                {"projects": "proj_a"}, {"projects": ["proj_a"], "all": true},
            ]),
        ),
        (
            "expires_at",
            json!([
                "",
                "tomorrow",
                "2027-01-30",
                "2027-01-30T12:00:00",
                "2027-02-30T12:00:00Z",
                1_800_000_000
            ]),
        ),
        ("key", json!(["mt_live_mine"])),
    ] {
        for value in values.as_array().unwrap() {
            let response = service.post(PATH, &account.session, body(json!({field: value}))).await;
            response.assert_bad_field(field);
        }
    }
    for required in ["name", "permissions"] {
        let response = service.post(PATH, &account.session, without(&body(json!({})), required)).await;
        response.assert_bad_field(required);
    }
    assert_eq!(service.ids(PATH, &account.session, 100).await, [""; 0]);
}

#[tokio::test]
async fn scope_of_1_to_100_projects_returns_201() {
    let service = Service::start().await;
    let account = service.account().await;
    let longest = format!("proj_{}", "Z9".repeat(32));
    let many: Vec<_> = (0..100).map(|n| format!("proj_{n}")).collect();
    for scope in [json!({"projects": ["proj_a"]}), json!({"projects": [longest]}), json!({"projects": many})]
    {
        let (key, created) = service.key(&account.session, json!({"scope": scope})).await;
        assert_eq!(created["scope"], scope);
        assert_eq!(service.me(&key).await.expect(200)["scope"], scope);
    }
}

#[tokio::test]
async fn expiry_not_in_the_future_returns_400() {
    let service = OwnService::start().await;
    let account = service.account().await;
    for seconds in [-86_400, -1, 0] {
        let expires_at = service.time.in_seconds(seconds);
        let response = service.post(PATH, &account.session, body(json!({"expires_at": expires_at}))).await;
        response.assert_bad_field("expires_at");
    }
    assert_eq!(service.ids(PATH, &account.session, 100).await, [""; 0]);
}

#[tokio::test]
async fn key_is_valid_until_its_exact_expiry() {
    let service = OwnService::start().await;
    let account = service.account().await;
    for seconds in [1, 3600] {
        let expires_at = service.time.in_seconds(seconds);
        let (key, created) = service.key(&account.session, json!({"expires_at": expires_at})).await;
        assert_eq!(created["expires_at"], expires_at);
        service.time.pass(seconds - 1);
        assert_eq!(service.me(&key).await.expect(200)["expires_at"], expires_at);
        service.time.pass(1);
        service.me(&key).await.assert_unauthorized();
    }
}

#[tokio::test]
async fn expiry_is_returned_in_utc_and_whole_seconds() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (_, created) =
        service.key(&account.session, json!({"expires_at": "2027-01-30T13:30:00.999+01:30"})).await;
    assert_eq!(created["expires_at"], "2027-01-30T12:00:00Z");
}

#[tokio::test]
async fn secret_is_returned_only_once() {
    let service = Service::start().await;
    let account = service.account().await;
    let (key, created) = service.key(&account.session, json!({})).await;
    let secret = text(&created, "key");
    let path = key_path(&created);
    let responses = [
        service.get(PATH, &account.session).await,
        service.get(&path, &account.session).await,
        service.get(&path, &key).await,
        service.me(&key).await,
    ];
    for response in responses {
        assert_eq!(response.status, 200);
        // The hint contains the last four digits of the secret, but no response contains the others.
        assert!(!response.text.contains(&secret[secret.len() - 38..secret.len() - 4]), "{}", response.text);
        assert!(!response.text.contains("\"key\""), "{}", response.text);
    }
}

#[tokio::test]
async fn only_sessions_and_admin_keys_can_create_keys() {
    let service = Service::start().await;
    let account = service.account().await;
    let weak = json!({"permissions": ["read", "write", "delete"]});
    let (weak, _) = service.key(&account.session, weak).await;
    let (admin, _) = service.key(&account.session, json!({"permissions": ["read", "admin"]})).await;
    service.post(PATH, &weak, body(json!({}))).await.assert_forbidden();
    service.request("POST", PATH).json(&body(json!({}))).send().await.assert_unauthorized();
    service.post(PATH, &admin, body(json!({}))).await.expect(201);
    let (reader, _) = service.member(&account.session, &["read"]).await;
    service.post(PATH, &reader, body(json!({}))).await.expect(201);
}

#[tokio::test]
async fn more_permissions_than_the_creator_returns_403() {
    let service = Service::start().await;
    let account = service.account().await;
    let (key, _) = service.key(&account.session, json!({"permissions": ["write", "admin"]})).await;
    let (member, _) = service.member(&account.session, &["write", "admin"]).await;
    for creator in [key, member] {
        for exceeding in [json!(["read"]), json!(["write", "delete"]), json!(["read", "write", "admin"])] {
            let response = service.post(PATH, &creator, body(json!({"permissions": exceeding}))).await;
            response.assert_forbidden();
        }
        for within in [json!(["write"]), json!(["admin"]), json!(["admin", "write"])] {
            service.post(PATH, &creator, body(json!({"permissions": within}))).await.expect(201);
        }
    }
}

#[tokio::test]
async fn wider_scope_than_the_creator_returns_403() {
    let service = Service::start().await;
    let account = service.account().await;
    let scope = json!({"scope": {"projects": ["proj_a", "proj_b"]}});
    let (scoped, _) = service.key(&account.session, scope).await;
    for exceeding in [
        json!({}),
        json!({"scope": null}),
        json!({"scope": {"projects": ["proj_c"]}}),
        json!({"scope": {"projects": ["proj_a", "proj_b", "proj_c"]}}),
    ] {
        service.post(PATH, &scoped, body(exceeding)).await.assert_forbidden();
    }
    for projects in [json!(["proj_b"]), json!(["proj_b", "proj_a"])] {
        let within = body(json!({"scope": {"projects": projects}}));
        service.post(PATH, &scoped, within).await.expect(201);
    }
}

#[tokio::test]
async fn live_key_by_test_key_returns_403() {
    let service = Service::start().await;
    let account = service.account().await;
    let (test, _) = service.key(&account.session, json!({"type": "test"})).await;
    let (live, _) = service.key(&account.session, json!({"type": "live"})).await;
    for exceeding in [json!({}), json!({"type": "live"})] {
        service.post(PATH, &test, body(exceeding)).await.assert_forbidden();
    }
    for creator in [test, live] {
        service.post(PATH, &creator, body(json!({"type": "test"}))).await.expect(201);
    }
}

#[tokio::test]
async fn key_stays_valid_after_its_creator_is_removed() {
    let service = Service::start().await;
    let account = service.account().await;
    let (member, id) = service.member(&account.session, &["read"]).await;
    let (key, _) = service.key(&member, json!({"permissions": ["read"]})).await;
    service.delete(&format!("/v1/members/{id}"), &account.session).await.expect(204);
    service.me(&member).await.assert_unauthorized();
    service.me(&key).await.expect(200);
}

#[tokio::test]
async fn old_key_can_be_replaced_manually() {
    let service = Service::start().await;
    let account = service.account().await;
    let (old, record) = service.key(&account.session, json!({})).await;
    let (new, _) = service.key(&account.session, json!({})).await;
    let status = async |key: &Credential| service.get("/v1/projects", key).await.status;
    assert_eq!((status(&old).await, status(&new).await), (200, 200));
    service.delete(&key_path(&record), &new).await.expect(204);
    assert_eq!((status(&old).await, status(&new).await), (401, 200));
}
