//! `/v1/projects`.

use serde_json::{Value, json};

use crate::{
    response::text,
    service::{Account, Credential, OwnService, Service},
};

const PATH: &str = "/v1/projects";

async fn start() -> (Service, Account) {
    let service = Service::start().await;
    let account = service.account().await;
    (service, account)
}

fn path(id: &str) -> String {
    format!("{PATH}/{id}")
}

/// Creates `count` projects with `credential`. Returns their ids, newest first.
async fn projects(service: &Service, credential: &Credential, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.insert(0, service.project(credential).await);
    }
    ids
}

#[tokio::test]
async fn project_can_be_created_read_listed_renamed_and_deleted() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (key, _) = service.key(&account.session, json!({"permissions": ["read", "write", "delete"]})).await;
    for credential in [&account.session, &key] {
        let created = service.post(PATH, credential, json!({"name": " Study A "})).await.expect(201);
        let id = text(&created, "id");
        let created_at = service.time.in_seconds(0);
        assert_eq!(created, json!({"id": id, "name": "Study A", "created_at": created_at}));
        assert!(id.starts_with("proj_"));
        assert_eq!(service.get(&path(id), credential).await.expect(200), created);
        let list = service.get(PATH, credential).await.expect(200);
        assert_eq!(list, json!({"data": [created], "next_cursor": null}));

        service.time.pass(60);
        let renamed = service.patch(&path(id), credential, json!({"name": "Study B"})).await.expect(200);
        assert_eq!(renamed, json!({"id": id, "name": "Study B", "created_at": created_at}));
        assert_eq!(service.get(&path(id), credential).await.expect(200), renamed);

        assert_eq!(service.delete(&path(id), credential).await.expect(204), Value::Null);
        service.delete(&path(id), credential).await.assert_not_found();
        service.get(&path(id), credential).await.assert_not_found();
        service.patch(&path(id), credential, json!({"name": "Study C"})).await.assert_not_found();
        let list = service.get(PATH, credential).await.expect(200);
        assert_eq!(list, json!({"data": [], "next_cursor": null}));
    }
}

#[tokio::test]
async fn each_method_requires_exactly_one_permission() {
    let (service, account) = start().await;
    let permissions = ["read", "write", "delete", "admin"];
    for (method, needed, on_list) in [
        ("GET", "read", true),
        ("POST", "write", true),
        ("GET", "read", false),
        ("PATCH", "write", false),
        ("DELETE", "delete", false),
    ] {
        for permission in permissions {
            let others = permissions.map(Value::from).into_iter().filter(|other| other != permission);
            let others: Vec<_> = others.collect();
            let (only, _) = service.key(&account.session, json!({"permissions": [permission]})).await;
            let (all_but, _) = service.key(&account.session, json!({"permissions": others})).await;
            for (key, allowed) in [(only, needed == permission), (all_but, needed != permission)] {
                let path =
                    if on_list { PATH.to_owned() } else { path(&service.project(&account.session).await) };
                let request = service.request(method, &path).with(&key).json(&json!({"name": "A"}));
                let response = request.send().await;
                if allowed {
                    assert!(response.status < 300, "{method} {path} {permission}: {}", response.status);
                } else {
                    response.assert_forbidden();
                    let scope = "Bearer realm=\"medtwin\", error=\"insufficient_scope\"";
                    assert_eq!(response.header("www-authenticate"), Some(scope));
                }
            }
        }
    }
}

#[tokio::test]
async fn session_has_its_members_permissions() {
    let (service, account) = start().await;
    let project = service.project(&account.session).await;
    let (reader, _) = service.member(&account.session, &["read"]).await;
    service.get(&path(&project), &reader).await.expect(200);
    service.get(PATH, &reader).await.expect(200);
    service.post(PATH, &reader, json!({"name": "A"})).await.assert_forbidden();
    service.patch(&path(&project), &reader, json!({"name": "A"})).await.assert_forbidden();
    service.delete(&path(&project), &reader).await.assert_forbidden();
    service.get(&path(&project), &account.session).await.expect(200);
}

#[tokio::test]
async fn project_outside_the_keys_scope_returns_403() {
    let (service, account) = start().await;
    let own = service.project(&account.session).await;
    let other = service.project(&account.session).await;
    // The second project of the scope does not exist.
    let members = json!({"scope": {"projects": [own, "proj_abc123"]}});
    let (key, _) = service.key(&account.session, members).await;
    let rename = || json!({"name": "Renamed"});

    service.get(&path(&own), &key).await.expect(200);
    service.patch(&path(&own), &key, rename()).await.expect(200);
    service.get(&path("proj_abc123"), &key).await.assert_not_found();
    service.patch(&path("proj_abc123"), &key, rename()).await.assert_not_found();
    service.delete(&path("proj_abc123"), &key).await.assert_not_found();
    for id in [&other, "proj_abc1234", "proj_ABC123", "proj_unknown", "proj_", "x", "%2A"] {
        service.patch(&path(id), &key, rename()).await.assert_forbidden();
        service.delete(&path(id), &key).await.assert_forbidden();
        service.request("GET", &path(id)).with(&key).send().await.assert_forbidden();
    }
    service.post(PATH, &key, rename()).await.assert_forbidden();
    service.delete(&path(&own), &key).await.expect(204);
    assert_eq!(service.ids(PATH, &account.session, 100).await, [other]);
}

#[tokio::test]
async fn scoped_key_lists_only_its_projects() {
    let (service, account) = start().await;
    let all = projects(&service, &account.session, 8).await;
    let own = [6, 1, 3, 4].map(|index: usize| all[index].as_str());
    let mut scope = own.to_vec();
    scope.extend(["proj_abc123", "proj_0", "proj_zzzzzzzzzzzzzzzzzzzz"]);
    let (key, _) = service.key(&account.session, json!({"scope": {"projects": scope}})).await;
    let newest_first = [1, 3, 4, 6].map(|index: usize| all[index].clone());
    for limit in [1, 2, 3, 4, 5, 100] {
        assert_eq!(service.ids(PATH, &key, limit).await, newest_first, "{limit}");
    }

    let (nothing, _) = service.key(&account.session, json!({"scope": {"projects": ["proj_abc123"]}})).await;
    let page = service.get(PATH, &nothing).await.expect(200);
    assert_eq!(page, json!({"data": [], "next_cursor": null}));
}

#[tokio::test]
async fn scope_of_100_projects_is_listed_completely() {
    let (service, account) = start().await;
    let all = projects(&service, &account.session, 100).await;
    let (key, _) = service.key(&account.session, json!({"scope": {"projects": all}})).await;
    for limit in [7, 50, 99, 100] {
        assert_eq!(service.ids(PATH, &key, limit).await, all, "{limit}");
    }
}

#[tokio::test]
async fn pages_contain_every_project_once() {
    let (service, account) = start().await;
    let created = projects(&service, &account.session, 7).await;
    for limit in [1, 2, 3, 6, 7, 8, 100] {
        assert_eq!(service.ids(PATH, &account.session, limit).await, created, "{limit}");
    }
}

#[tokio::test]
async fn live_and_test_data_are_separate() {
    let (service, account) = start().await;
    let (live, _) = service.key(&account.session, json!({"type": "live"})).await;
    let (test, _) = service.key(&account.session, json!({"type": "test"})).await;
    let live_id = service.project(&live).await;
    let test_id = service.project(&test).await;
    for (key, own, other) in [(&live, &live_id, &test_id), (&test, &test_id, &live_id)] {
        assert_eq!(service.ids(PATH, key, 100).await, std::slice::from_ref(own));
        service.get(&path(own), key).await.expect(200);
        service.get(&path(other), key).await.assert_not_found();
        service.patch(&path(other), key, json!({"name": "Mine"})).await.assert_not_found();
        service.delete(&path(other), key).await.assert_not_found();
    }

    // A session reads live data, or test data with `?environment=test`.
    let in_test = |path: &str| format!("{path}?environment=test");
    for (list, own, other) in [
        (PATH.to_owned(), &live_id, path(&test_id)),
        (format!("{PATH}?environment=live"), &live_id, path(&test_id)),
        (in_test(PATH), &test_id, in_test(&path(&live_id))),
    ] {
        assert_eq!(service.ids(&list, &account.session, 100).await, std::slice::from_ref(own));
        service.get(&other, &account.session).await.assert_not_found();
        service.delete(&other, &account.session).await.assert_not_found();
    }
    service.get(&path(&live_id), &account.session).await.expect(200);
    service.get(&in_test(&path(&test_id)), &account.session).await.expect(200);
    let created = service.post(&in_test(PATH), &account.session, json!({"name": "A"})).await.expect(201);
    service.get(&path(text(&created, "id")), &test).await.expect(200);
    service.get(&path(text(&created, "id")), &live).await.assert_not_found();
    service.delete(&in_test(&path(&test_id)), &account.session).await.expect(204);
    service.get(&path(&test_id), &test).await.assert_not_found();
}

#[tokio::test]
async fn other_environment_by_key_returns_403_and_unknown_environment_returns_400() {
    let (service, account) = start().await;
    let (live, _) = service.key(&account.session, json!({"type": "live"})).await;
    let (test, _) = service.key(&account.session, json!({"type": "test"})).await;
    let project = service.project(&live).await;
    for path in [PATH, &path(&project)] {
        let get = async |credential, query: &str| service.get(&format!("{path}?{query}"), credential).await;
        get(&live, "environment=test").await.assert_forbidden();
        get(&live, "environment=live&environment=test").await.assert_forbidden();
        get(&test, "environment=live").await.assert_forbidden();
        get(&live, "environment=live").await.expect(200);
        for credential in [&account.session, &live, &test] {
            for value in ["prod", "", "TEST", "test,live"] {
                get(credential, &format!("environment={value}")).await.assert_bad_field("environment");
            }
        }
        get(&account.session, "environment=live&environment=test").await.assert_bad_field("environment");
    }
}

#[tokio::test]
async fn invalid_body_returns_400_and_changes_nothing() {
    let (service, account) = start().await;
    let id = service.project(&account.session).await;
    let before = service.get(PATH, &account.session).await.expect(200);
    for (body, field) in [
        (json!({}), "name"),
        (json!({"name": ""}), "name"),
        (json!({"name": "   "}), "name"),
        (json!({"name": "ä".repeat(101)}), "name"),
        (json!({"name": "a\u{0}"}), "name"),
        (json!({"name": null}), "name"),
        (json!({"name": 1}), "name"),
        (json!({"name": "A", "id": "proj_mine"}), "id"),
        (json!({"name": "A", "created_at": "2026-01-30T00:00:00Z"}), "created_at"),
    ] {
        service.post(PATH, &account.session, body.clone()).await.assert_bad_field(field);
        service.patch(&path(&id), &account.session, body).await.assert_bad_field(field);
    }
    assert_eq!(service.get(PATH, &account.session).await.expect(200), before);
    let longest = "ä".repeat(100);
    let created = service.post(PATH, &account.session, json!({"name": longest})).await.expect(201);
    assert_eq!(created["name"], longest);
}

#[tokio::test]
async fn unknown_or_malformed_id_returns_404_and_creates_nothing() {
    let (service, account) = start().await;
    for id in ["proj_0000000000000000", "proj_", "x", "proj_a%2Fb", "PROJ_a", "proj_%C3%A4"] {
        service.get(&path(id), &account.session).await.assert_not_found();
        service.patch(&path(id), &account.session, json!({"name": "A"})).await.assert_not_found();
        service.delete(&path(id), &account.session).await.assert_not_found();
    }
    assert_eq!(service.ids(PATH, &account.session, 100).await, [""; 0]);
}

#[tokio::test]
async fn cursor_of_the_other_environment_returns_400() {
    let (service, account) = start().await;
    projects(&service, &account.session, 2).await;
    let page = service.get("/v1/projects?limit=1", &account.session).await.expect(200);
    let next = format!("{PATH}?environment=test&cursor={}", text(&page, "next_cursor"));
    service.get(&next, &account.session).await.assert_bad_field("cursor");
}
