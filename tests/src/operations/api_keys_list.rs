//! `GET /v1/api-keys`.

use serde_json::{Value, json};

use crate::{
    response::{text, without},
    service::{Credential, OwnService, Service, key_path},
};

const PATH: &str = "/v1/api-keys";

/// Creates `count` keys with `credential`. Returns their ids, newest first.
async fn keys(service: &Service, credential: &Credential, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..count {
        let (_, key) = service.key(credential, json!({})).await;
        ids.insert(0, text(&key, "id").to_owned());
    }
    ids
}

/// The ids of the keys on a page.
fn ids(page: &Value) -> Vec<&str> {
    page["data"].as_array().expect("a list").iter().map(|key| text(key, "id")).collect()
}

#[tokio::test]
async fn account_without_keys_returns_an_empty_list() {
    let service = Service::start().await;
    let account = service.account().await;
    let page = service.get(PATH, &account.session).await.expect(200);
    assert_eq!(page, json!({"data": [], "next_cursor": null}));
}

#[tokio::test]
async fn returns_created_keys_newest_first() {
    let service = Service::start().await;
    let account = service.account().await;
    let mut expected = Vec::new();
    for fields in [json!({"type": "test"}), json!({"scope": {"projects": ["proj_a"]}}), json!({})] {
        let (_, created) = service.key(&account.session, fields).await;
        expected.insert(0, without(&created, "key"));
        // The list contains each new key immediately.
        let page = service.get(PATH, &account.session).await.expect(200);
        assert_eq!(page, json!({"data": expected, "next_cursor": null}));
    }
}

#[tokio::test]
async fn page_contains_50_keys_by_default_and_100_at_most() {
    let service = Service::start().await;
    let account = service.account().await;
    let created = keys(&service, &account.session, 101).await;
    for (query, count) in [("", 50), ("?limit=50", 50), ("?limit=1", 1), ("?limit=100", 100)] {
        let page = service.get(&format!("{PATH}{query}"), &account.session).await.expect(200);
        assert_eq!(ids(&page), created[..count], "{query}");
        assert!(page["next_cursor"].is_string(), "{query}");
    }
    let last = service.ids(PATH, &account.session, 100).await;
    assert_eq!(last, created);
}

#[tokio::test]
async fn pages_contain_every_key_once_even_if_some_are_revoked() {
    let service = Service::start().await;
    let account = service.account().await;
    let created = keys(&service, &account.session, 9).await;
    let active: Vec<_> = [1, 2, 4, 7].map(|index: usize| created[index].clone()).into();
    for id in created.iter().filter(|id| !active.contains(id)) {
        service.delete(&format!("{PATH}/{id}"), &account.session).await.expect(204);
    }
    for limit in 1..=10 {
        assert_eq!(service.ids(PATH, &account.session, limit).await, active, "{limit}");
        let all = service.ids("/v1/api-keys?status=all", &account.session, limit).await;
        assert_eq!(all, created, "{limit}");
    }
}

#[tokio::test]
async fn key_created_during_pagination_causes_no_duplicates() {
    let service = Service::start().await;
    let account = service.account().await;
    let created = keys(&service, &account.session, 4).await;
    let page = service.get("/v1/api-keys?limit=2", &account.session).await.expect(200);
    keys(&service, &account.session, 1).await;
    let rest = format!("/v1/api-keys?cursor={}", text(&page, "next_cursor"));
    let rest = service.get(&rest, &account.session).await.expect(200);
    assert_eq!((ids(&page), ids(&rest)), (vec![&*created[0], &created[1]], vec![&*created[2], &created[3]]));
}

#[tokio::test]
async fn revoked_keys_are_listed_only_with_status_all() {
    let service = Service::start().await;
    let account = service.account().await;
    let (_, active) = service.key(&account.session, json!({})).await;
    let (_, revoked) = service.key(&account.session, json!({})).await;
    service.delete(&key_path(&revoked), &account.session).await.expect(204);

    let page = service.get(PATH, &account.session).await.expect(200);
    assert_eq!(page, json!({"data": [without(&active, "key")], "next_cursor": null}));
    let page = service.get("/v1/api-keys?status=all", &account.session).await.expect(200);
    let mut revoked = without(&revoked, "key");
    revoked["status"] = json!("revoked");
    assert_eq!(page, json!({"data": [revoked, without(&active, "key")], "next_cursor": null}));
}

#[tokio::test]
async fn expired_key_is_listed_as_expired() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let expires_at = service.time.in_seconds(60);
    let (_, created) = service.key(&account.session, json!({"expires_at": expires_at})).await;
    service.time.pass(60);
    let page = service.get(PATH, &account.session).await.expect(200);
    let mut expired = without(&created, "key");
    expired["status"] = json!("expired");
    assert_eq!(page["data"], json!([expired]));
}

#[tokio::test]
async fn filters_select_keys_by_status_type_and_creator() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (other, other_id) = service.member(&account.session, &["read", "admin"]).await;
    let soon = service.time.in_seconds(60);
    let mut created = Vec::new();
    let (parent, record) = service.key(&account.session, json!({})).await;
    created.push(record.clone());
    created.push(service.key(&account.session, json!({"type": "test", "expires_at": soon})).await.1);
    created.push(service.key(&account.session, json!({"expires_at": soon})).await.1);
    created.push(service.key(&other, json!({"permissions": ["read"]})).await.1);
    created.push(service.key(&parent, json!({"type": "test"})).await.1);
    created.push(service.key(&parent, json!({})).await.1);
    service.patch(&key_path(&created[3]), &account.session, json!({"disabled": true})).await.expect(200);
    service.delete(&key_path(&created[4]), &account.session).await.expect(204);
    service.delete(&key_path(&created[2]), &account.session).await.expect(204);
    service.time.pass(60);

    let by = |id: &str| format!("created_by={id}");
    let (member, key) = (by(&account.user_id), by(text(&record, "id")));
    for (query, expected) in [
        (String::new(), vec![5, 3, 1, 0]),
        ("status=all".to_owned(), vec![5, 4, 3, 2, 1, 0]),
        ("status=active".to_owned(), vec![5, 0]),
        ("status=expired".to_owned(), vec![1]),
        ("status=disabled".to_owned(), vec![3]),
        // A revoked key that has also expired counts as revoked.
        ("status=revoked".to_owned(), vec![4, 2]),
        ("type=live".to_owned(), vec![5, 3, 0]),
        ("type=test".to_owned(), vec![1]),
        ("type=test&status=all".to_owned(), vec![4, 1]),
        (member.clone(), vec![1, 0]),
        (by(&other_id), vec![3]),
        (key.clone(), vec![5]),
        (format!("{key}&status=revoked"), vec![4]),
        (format!("{member}&status=active&type=live"), vec![0]),
        (by("user_0000000000000000"), vec![]),
    ] {
        let expected: Vec<_> = expected.iter().map(|index: &usize| text(&created[*index], "id")).collect();
        for limit in [1, 2, 100] {
            let listed = service.ids(&format!("{PATH}?{query}"), &account.session, limit).await;
            assert_eq!(listed, expected, "{query}, {limit}");
        }
    }
}

#[tokio::test]
async fn parameter_out_of_range_or_repeated_returns_400() {
    let service = Service::start().await;
    let account = service.account().await;
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=-1", "limit"),
        ("limit=1.5", "limit"),
        ("limit=x", "limit"),
        ("limit=", "limit"),
        ("limit=18446744073709551617", "limit"),
        ("limit=1&limit=2", "limit"),
        ("status=unused", "status"),
        ("status=ALL", "status"),
        ("status=", "status"),
        ("status=all&status=all", "status"),
    ] {
        service.get(&format!("{PATH}?{query}"), &account.session).await.assert_bad_field(field);
    }
}

#[tokio::test]
async fn malformed_cursor_or_cursor_of_another_list_returns_400() {
    let service = Service::start().await;
    let account = service.account().await;
    for _ in 0..2 {
        service.project(&account.session).await;
    }
    let projects = service.get("/v1/projects?limit=1", &account.session).await.expect(200);
    for cursor in ["", "x", "%20", "AAAA", "a.b", "%C3%A4", text(&projects, "next_cursor")] {
        let path = format!("{PATH}?cursor={cursor}");
        service.get(&path, &account.session).await.assert_bad_field("cursor");
    }
}

#[tokio::test]
async fn only_sessions_and_admin_keys_can_list_keys() {
    let service = Service::start().await;
    let account = service.account().await;
    let (weak, _) = service.key(&account.session, json!({"permissions": ["read", "write", "delete"]})).await;
    let (admin, key) = service.key(&account.session, json!({"permissions": ["admin"]})).await;
    let (member, _) = service.member(&account.session, &["delete"]).await;
    service.get(PATH, &weak).await.assert_forbidden();
    service.request("GET", PATH).send().await.assert_unauthorized();
    for allowed in [admin, member] {
        let page = service.get(PATH, &allowed).await.expect(200);
        assert_eq!(ids(&page)[0], text(&key, "id"));
    }
}

#[tokio::test]
async fn key_lists_only_keys_within_its_type_and_scope() {
    let service = Service::start().await;
    let account = service.account().await;
    let scope = |projects: &[&str]| json!({"scope": {"projects": projects}});
    let mut created = Vec::new();
    for fields in [
        json!({}),
        json!({"type": "test"}),
        scope(&["proj_a", "proj_b"]),
        scope(&["proj_b"]),
        scope(&["proj_b", "proj_c"]),
        json!({"type": "test", "scope": {"projects": ["proj_b"]}}),
    ] {
        created.push(service.key(&account.session, fields).await);
    }
    // For each key in `created`: the indices of the keys that it lists, newest first.
    let listed_by = [vec![4, 3, 2, 0], vec![5, 1], vec![3, 2], vec![3], vec![4, 3], vec![5]];
    for (caller, listed) in listed_by.iter().enumerate() {
        let expected: Vec<_> = listed.iter().map(|index: &usize| text(&created[*index].1, "id")).collect();
        for limit in [1, 2, 100] {
            assert_eq!(service.ids(PATH, &created[caller].0, limit).await, expected, "{caller}, {limit}");
        }
    }
}
