//! `POST /v1/api-keys/{key_id}/simulate`.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tracing_subscriber::filter::LevelFilter;

use crate::{
    authorization::restrictions::restrict,
    deployment::logs::CapturedLog,
    operation_table,
    operations::openapi::DOCUMENT,
    response::{Response, text},
    service::{Account, Credential, OwnService, Service, key_path},
};

/// The address that the tests send requests from.
const OWN_ADDRESS: &str = "127.0.0.1";

/// Simulates a request with `key` from the address of the tests.
async fn simulate(service: &Service, key: &Value, by: &Credential, method: &str, path: &str) -> Value {
    simulate_from(service, key, by, method, path, OWN_ADDRESS).await.expect(200)
}

async fn simulate_from(
    service: &Service,
    key: &Value,
    by: &Credential,
    method: &str,
    path: &str,
    ip_address: &str,
) -> Response {
    let request = json!({"method": method, "path": path, "ip_address": ip_address});
    service.post(&format!("{}/simulate", key_path(key)), by, request).await
}

fn allow() -> Value {
    json!({"decision": "allow", "status": 200, "reason": null})
}

fn deny(status: u16, reason: &str) -> Value {
    json!({"decision": "deny", "status": status, "reason": reason})
}

#[tokio::test]
async fn result_is_the_decision_on_the_real_request_with_the_reason_in_the_log() {
    let log = CapturedLog::start(LevelFilter::INFO);
    let service = OwnService::start().await;
    let account = service.account().await;
    let unused = service.key(&account.session, json!({})).await;
    let policy = json!({"policy": {"idle_key_days": 7}});
    service.patch("/v1/account", &account.session, policy).await.expect(200);
    service.time.pass(7 * 24 * 60 * 60 - 30);
    let account = Account { session: service.login(&account.email).await, ..account };
    let soon = service.time.in_seconds(60);
    let mut keys = vec![unused];
    for fields in [
        json!({}),
        json!({"type": "test"}),
        json!({"permissions": ["read"]}),
        json!({"permissions": ["write", "delete"]}),
        json!({"permissions": ["admin"], "type": "test"}),
        json!({"scope": {"projects": ["proj_a", "proj_c"]}}),
        json!({"allowed_ips": ["192.0.2.0/24"]}),
        json!({"allowed_ips": ["127.0.0.0/8"]}),
        json!({"expires_at": soon}),
        json!({}),
        json!({}),
        json!({}),
    ] {
        keys.push(service.key(&account.session, fields).await);
    }
    let [.., disabled, restricted, revoked] = &keys[..] else { panic!("there are several keys") };
    service.patch(&key_path(&disabled.1), &account.session, json!({"disabled": true})).await.expect(200);
    let sort_key = format!("KEY#{}", text(&restricted.1, "id"));
    restrict(&service, &format!("ACCOUNT#{}", account.id), &sort_key, &["new"]).await;
    service.delete(&key_path(&revoked.1), &account.session).await.expect(204);
    service.time.pass(60);

    let mut reasons = Vec::new();
    for (key, record) in &keys {
        let own = text(record, "id");
        let routes = operation_table::routes().map(|(method, path)| (method, path.replace("{key_id}", own)));
        let more = [
            ("GET", "/v1/api-keys/key_0000000000000000".to_owned()),
            ("GET", "/v1/projects/proj_a".to_owned()),
            ("GET", "/v1/projects/proj_b".to_owned()),
            ("GET", "/v1/projects/proj_%61".to_owned()),
            ("GET", "/v1/projects?environment=test".to_owned()),
            ("GET", "/v1/projects?environment=live".to_owned()),
            ("GET", "/v1/projects?limit=1&environment=te%73t".to_owned()),
            ("GET", "/v1/projects?environment=other".to_owned()),
            ("GET", "/v1/projects/".to_owned()),
        ];
        for (method, path) in routes.chain(more) {
            let path = path
                .replace("{project_id}", "proj_a")
                .replace("{user_id}", "user_0000000000000000")
                .replace("{session_id}", "sid_0000000000000000");
            // A real revocation would change the results after it.
            if (method, path.as_str()) == ("DELETE", key_path(record).as_str()) {
                continue;
            }
            let simulated = simulate(&service, record, &account.session, method, &path).await;
            log.take_records();
            // The empty body is malformed, so that an authorized request changes nothing.
            let real = service.request(method, &path).with(key).body("").send().await;
            let records = log.take_records();
            let decision = records.iter().find(|record| record["FunctionName"] == "authorizer");
            let (status, reason) = match decision {
                None => (200, None),
                Some(decision) => match text(decision, "Outcome") {
                    "unauthenticated" => (401, decision["reason"].as_str()),
                    "forbidden" => (403, decision["reason"].as_str()),
                    _ => (200, None),
                },
            };
            let expected = match reason {
                None => allow(),
                Some(reason) => {
                    let name = reason.replace([':', ' '], "_").replace("__", "_");
                    reasons.push(name.clone());
                    deny(status, &name)
                }
            };
            assert_eq!(simulated, expected, "{method} {path} {record}: {}", real.text);
            assert!(status == 200 || real.status == status, "{method} {path}: {}", real.text);
        }
    }

    let schema = &DOCUMENT["components"]["schemas"]["DenialReason"]["oneOf"];
    let documented: Vec<_> =
        schema.as_array().expect("the reasons").iter().map(|one| text(one, "const")).collect();
    // API Gateway rejects an unknown path, and credentials of a suspended account cannot simulate.
    for reason in documented.iter().filter(|reason| !["no_route", "account_suspended"].contains(reason)) {
        assert!(reasons.iter().any(|observed| observed == reason), "{reason} was not observed");
    }
}

#[tokio::test]
async fn unknown_path_or_method_is_denied_as_no_route() {
    let service = Service::start().await;
    let account = service.account().await;
    let (_, key) = service.key(&account.session, json!({})).await;
    for (method, path) in [
        ("GET", "/v1/unknown"),
        ("GET", "/v1/projects//"),
        ("GET", "//v1/projects"),
        ("GET", "/live/v1/projects"),
        ("GET", "/v1/project%73"),
        ("GET", "/v1/projects/proj_a//samples"),
        ("GET", "/v1?environment=live"),
        ("PUT", "/v1/api-keys"),
        ("BREW", "/v1/projects"),
        ("OPTIONS", "/v1/unknown"),
        ("OPTIONS", "/v1/projects/proj_a/samples"),
        ("GET", "/v1/auth/login"),
        ("POST", "/v1/health"),
        ("DELETE", "/v1/api-keys/revoke"),
    ] {
        let result = simulate(&service, &key, &account.session, method, path).await;
        assert_eq!(result, deny(403, "no_route"), "{method} {path}");
    }
}

#[tokio::test]
async fn path_below_a_project_is_decided_by_method_and_scope() {
    let service = Service::start().await;
    let account = service.account().await;
    let fields = json!({"permissions": ["read"], "scope": {"projects": ["proj_a"]}});
    let (_, key) = service.key(&account.session, fields).await;
    for (method, path, expected) in [
        ("GET", "/v1/projects/proj_a/samples/1?page=2", allow()),
        ("HEAD", "/v1/projects/proj_a/samples/", allow()),
        ("PUT", "/v1/projects/proj_a/samples/1", deny(403, "missing_permission_write")),
        ("DELETE", "/v1/projects/proj_a/samples/1", deny(403, "missing_permission_delete")),
        ("GET", "/v1/projects/proj_b/samples/1", deny(403, "outside_scope")),
        ("GET", "/v1/projects/proj_a/samples?environment=test", deny(403, "wrong_environment")),
    ] {
        let result = simulate(&service, &key, &account.session, method, path).await;
        assert_eq!(result, expected, "{method} {path}");
    }
}

#[tokio::test]
async fn route_without_a_credential_is_allowed_for_every_key() {
    let service = Service::start().await;
    let account = service.account().await;
    let (_, key) = service.key(&account.session, json!({"allowed_ips": ["192.0.2.1"]})).await;
    service.delete(&key_path(&key), &account.session).await.expect(204);
    for (method, path) in [("GET", "/v1/health"), ("HEAD", "/docs"), ("POST", "/v1/auth/login"), ("GET", "/")]
    {
        assert_eq!(
            simulate(&service, &key, &account.session, method, path).await,
            allow(),
            "{method} {path}"
        );
    }
    let result = simulate(&service, &key, &account.session, "GET", "/v1/auth/me").await;
    assert_eq!(result, deny(401, "revoked"));
}

/// `input::cors::preflight_of_every_route_returns_200_without_a_credential` sends the real requests.
#[tokio::test]
async fn preflight_of_every_route_is_allowed() {
    let service = Service::start().await;
    let account = service.account().await;
    let (_, key) = service.key(&account.session, json!({"permissions": ["read"]})).await;
    service.delete(&key_path(&key), &account.session).await.expect(204);
    let paths: BTreeSet<_> = operation_table::routes().map(|(_, path)| path).collect();
    for path in paths {
        let path = path.replace(['{', '}'], "");
        let result = simulate(&service, &key, &account.session, "OPTIONS", &path).await;
        assert_eq!(result, allow(), "{path}");
    }
}

#[tokio::test]
async fn address_decides_as_for_a_real_request() {
    let service = Service::start().await;
    let account = service.account().await;
    let (_, key) =
        service.key(&account.session, json!({"allowed_ips": ["192.0.2.0/24", "2001:db8::1"]})).await;
    for (address, is_allowed) in [
        ("192.0.2.255", true),
        ("::ffff:192.0.2.1", true),
        ("2001:DB8:0::1", true),
        ("192.0.3.0", false),
        ("2001:db8::2", false),
    ] {
        let result = simulate_from(&service, &key, &account.session, "GET", "/v1/auth/me", address).await;
        let expected = if is_allowed { allow() } else { deny(403, "address_not_allowed") };
        assert_eq!(result.expect(200), expected, "{address}");
    }
}

#[tokio::test]
async fn callers_who_may_not_see_the_key_get_the_same_errors_as_when_they_read_it() {
    let service = Service::start().await;
    let account = service.account().await;
    let (key, own) = service.key(&account.session, json!({"permissions": ["read"], "type": "test"})).await;
    let (_, other) = service.key(&account.session, json!({})).await;
    let (test_admin, _) = service.key(&account.session, json!({"type": "test"})).await;
    let (reader, _) = service.member(&account.session, &["read"]).await;
    assert_eq!(simulate(&service, &own, &key, "GET", "/v1/projects").await, allow());
    assert_eq!(simulate(&service, &other, &reader, "GET", "/v1/projects").await, allow());
    simulate_from(&service, &other, &key, "GET", "/", OWN_ADDRESS).await.assert_forbidden();
    simulate_from(&service, &other, &test_admin, "GET", "/", OWN_ADDRESS).await.assert_not_found();
    let unknown = json!({"id": "key_0000000000000000"});
    simulate_from(&service, &unknown, &account.session, "GET", "/", OWN_ADDRESS).await.assert_not_found();
}

#[tokio::test]
async fn simulation_writes_nothing_and_uses_no_quota_of_the_key() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let (_, key) = service.key(&account.session, json!({})).await;
    let before = service.items().await;
    dynamodb.calls();
    simulate(&service, &key, &account.session, "DELETE", &key_path(&key)).await;
    assert_eq!(dynamodb.calls(), ["BatchGetItem", "BatchGetItem"]);
    assert_eq!(service.items().await, before);
}
