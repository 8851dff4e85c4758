//! `POST /v1/api-keys/revoke`.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::{
    dynamodb::Fault,
    response::text,
    service::{Account, Credential, OwnService, Service, key_path},
};

const PATH: &str = "/v1/api-keys/revoke";

async fn by_ids(service: &Service, by: &Credential, ids: &[&str]) -> Value {
    service.post(PATH, by, json!({"ids": ids})).await.expect(200)
}

/// Sends the request with `created_by` until there is nothing more to revoke. Returns the revoked ids of each response.
async fn by_creator(service: &Service, by: &Credential, member: &str) -> Vec<Vec<String>> {
    let mut responses = Vec::new();
    loop {
        let body = service.post(PATH, by, json!({"created_by": member})).await.expect(200);
        let revoked = body["revoked"].as_array().expect("a list").iter();
        responses.push(revoked.map(|id| id.as_str().expect("an id").to_owned()).collect());
        if body["more"] == false {
            return responses;
        }
        assert!(responses.len() < 10, "the requests must come to an end");
    }
}

async fn status(service: &Service, account: &Account, key: &Value) -> Value {
    service.get(&key_path(key), &account.session).await.expect(200)["status"].clone()
}

/// Returns the ids of the keys that have an event `api_key.revoked`, with duplicates.
async fn revocations(service: &Service, account: &Account) -> Vec<String> {
    let mut ids = Vec::new();
    let mut path = "/v1/audit-events?limit=100".to_owned();
    loop {
        let page = service.get(&path, &account.session).await.expect(200);
        let events = page["data"].as_array().expect("a list").iter();
        let revocations = events.filter(|event| event["type"] == "api_key.revoked");
        ids.extend(revocations.map(|event| text(event, "key_id").to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { return ids };
        path = format!("/v1/audit-events?limit=100&cursor={cursor}");
    }
}

#[tokio::test]
async fn keys_are_invalid_immediately_and_unknown_ids_are_left_out() {
    let service = Service::start().await;
    let account = service.account().await;
    let foreign = service.account().await;
    let (_, of_other_account) = service.key(&foreign.session, json!({})).await;
    let (first, one) = service.key(&account.session, json!({})).await;
    let (second, two) = service.key(&account.session, json!({"type": "test"})).await;
    let (kept, _) = service.key(&account.session, json!({})).await;
    let (_, ended) = service.key(&account.session, json!({})).await;
    service.delete(&key_path(&ended), &account.session).await.expect(204);
    let [one, two, ended, of_other] = [&one, &two, &ended, &of_other_account].map(|key| text(key, "id"));
    let ids = [ended, two, "key_0000000000000000", of_other, one, two];
    // A repeated request has the same result and records nothing more.
    for _ in 0..2 {
        let result = by_ids(&service, &account.session, &ids).await;
        assert_eq!(result, json!({"revoked": [ended, two, one], "more": false}));
        for key in [&first, &second] {
            service.me(key).await.assert_unauthorized();
        }
        let mut events = revocations(&service, &account).await;
        events.sort_unstable();
        let mut expected = [one, two, ended];
        expected.sort_unstable();
        assert_eq!(events, expected);
    }
    service.me(&kept).await.expect(200);
    assert_eq!(status(&service, &foreign, &of_other_account).await, "active");
}

#[tokio::test]
async fn creator_includes_keys_of_keys_at_any_depth_and_no_others() {
    let service = Service::start().await;
    let account = service.account().await;
    let (member, id) = service.member(&account.session, &["read", "admin"]).await;
    let admin = json!({"permissions": ["read", "admin"]});
    let (child, one) = service.key(&member, admin.clone()).await;
    let (grandchild, two) = service.key(&child, admin.clone()).await;
    let (rotated, three) = service.key(&grandchild, json!({"type": "test", "permissions": ["read"]})).await;
    let (current, _) = service.rotate(&three, &account.session, 3600).await;
    let (other, _) = service.key(&account.session, admin.clone()).await;
    let (_, ended) = service.key(&member, admin).await;
    service.delete(&key_path(&ended), &account.session).await.expect(204);
    // Removing the member does not end the keys.
    service.delete(&format!("/v1/members/{id}"), &account.session).await.expect(204);
    service.me(&grandchild).await.expect(200);

    let expected = [&three, &two, &one].map(|key| text(key, "id").to_owned());
    assert_eq!(by_creator(&service, &account.session, &id).await, [expected]);
    for key in [&child, &grandchild, &rotated, &current] {
        service.me(key).await.assert_unauthorized();
    }
    service.me(&other).await.expect(200);
    assert_eq!(by_creator(&service, &account.session, &id).await, [Vec::<String>::new()]);
    assert_eq!(revocations(&service, &account).await.len(), 4);
}

#[tokio::test]
async fn older_key_without_a_creator_is_not_found_by_creator() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (key, record) = service.key(&account.session, json!({})).await;
    let table = service.gateway.table("Table").expect("the table").to_owned();
    for item in service.items().await {
        // Previous versions did not write this item.
        if item["sk"].as_s().is_ok_and(|sk| sk.starts_with("MEMBER_KEY#")) {
            let delete = service.gateway.dynamodb().delete_item().table_name(&table);
            let delete = delete.key("pk", item["pk"].clone()).key("sk", item["sk"].clone());
            delete.send().await.expect("the item is deleted");
        }
    }
    assert_eq!(by_creator(&service, &account.session, &account.user_id).await, [Vec::<String>::new()]);
    service.me(&key).await.expect(200);
    by_ids(&service, &account.session, &[text(&record, "id")]).await;
    service.me(&key).await.assert_unauthorized();
}

#[tokio::test]
async fn many_keys_of_a_creator_are_revoked_in_several_requests() {
    let service = Service::start().await;
    let account = service.account().await;
    let mut created = BTreeSet::new();
    for _ in 0..101 {
        created.insert(text(&service.key(&account.session, json!({})).await.1, "id").to_owned());
    }
    let responses = by_creator(&service, &account.session, &account.user_id).await;
    assert_eq!(responses.iter().map(Vec::len).collect::<Vec<_>>(), [100, 1]);
    assert_eq!(responses.into_iter().flatten().collect::<BTreeSet<_>>(), created);
    assert_eq!(service.get("/v1/api-keys", &account.session).await.expect(200)["data"], json!([]));
    assert_eq!(revocations(&service, &account).await.len(), 101);
}

#[tokio::test]
async fn request_reads_once_and_revokes_ten_keys_with_each_transaction() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let mut ids = Vec::new();
    for _ in 0..23 {
        ids.push(text(&service.key(&account.session, json!({})).await.1, "id").to_owned());
    }
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();
    let calls = || {
        let mut calls = dynamodb.calls();
        calls.sort_unstable();
        calls
    };
    let transactions = |count: usize| vec!["TransactWriteItems"; count];
    calls();
    by_ids(&service, &account.session, &ids[..12]).await;
    assert_eq!(calls(), [vec!["BatchGetItem"; 2], transactions(2)].concat());
    by_ids(&service, &account.session, &ids[..12]).await;
    assert_eq!(calls(), ["BatchGetItem"; 2]);
    by_creator(&service, &account.session, &account.user_id).await;
    assert_eq!(calls(), [vec!["BatchGetItem", "BatchGetItem", "Query", "Query"], transactions(2)].concat());
    by_creator(&service, &account.session, &account.user_id).await;
    assert_eq!(calls(), ["BatchGetItem", "Query", "Query"]);
}

#[tokio::test]
async fn key_that_the_operator_revoked_is_not_listed_for_its_creator() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (_, key) = service.key(&account.session, json!({})).await;
    let id = text(&key, "id");
    let keys = json!([{"account_id": account.id, "key_id": id}]);
    let command = json!({"end_restored_credentials": {"created_before": null, "keys": keys}});
    service.operate(command).await.expect("the key is revoked");
    assert_eq!(by_creator(&service, &account.session, &account.user_id).await, [Vec::<String>::new()]);
    assert_eq!(revocations(&service, &account).await, [id]);
}

#[tokio::test]
async fn entry_that_the_previous_version_left_is_removed() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (_, key) = service.key(&account.session, json!({})).await;
    let id = text(&key, "id");
    let partition = AttributeValue::S(format!("ACCOUNT#{}#USER#{}", account.id, account.user_id));
    let entry = AttributeValue::S(format!("MEMBER_KEY#{id}"));
    let items = service.items().await;
    let entry = items.into_iter().find(|item| item["pk"] == partition && item["sk"] == entry);
    service.delete(&key_path(&key), &account.session).await.expect(204);
    let table = service.gateway.table("Table").expect("the table");
    let put = service.gateway.dynamodb().put_item().table_name(table).set_item(entry);
    put.send().await.expect("the entry is stored");
    assert_eq!(by_creator(&service, &account.session, &account.user_id).await, [[id]]);
    assert_eq!(by_creator(&service, &account.session, &account.user_id).await, [Vec::<String>::new()]);
    assert_eq!(revocations(&service, &account).await, [id]);
}

#[tokio::test]
async fn key_created_by_another_one_meanwhile_is_reported_as_more() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let (member, id) = service.member(&account.session, &["read", "admin"]).await;
    let (parent, one) = service.key(&member, json!({"permissions": ["read", "admin"]})).await;
    let mut held = dynamodb.hold("TransactWriteItems");
    let request = service.request("POST", PATH).with(&account.session).json(&json!({"created_by": id}));
    let request = tokio::spawn(request.send());
    held.arrived().await;
    let (_, two) = service.key(&parent, json!({"permissions": ["read"]})).await;
    drop(held);
    let first = request.await.expect("a response").expect(200);
    assert_eq!(first, json!({"revoked": [text(&one, "id")], "more": true}));
    assert_eq!(by_creator(&service, &account.session, &id).await, [[text(&two, "id")]]);
}

#[tokio::test]
async fn failure_half_way_returns_503_and_a_repetition_completes() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let mut keys = Vec::new();
    for _ in 0..60 {
        keys.push(service.key(&account.session, json!({})).await);
    }
    let ids: Vec<_> = keys.iter().map(|(_, key)| text(key, "id")).collect();
    for body in [json!({"ids": ids[..25]}), json!({"created_by": account.user_id})] {
        let fault = Fault::Error(StatusCode::BAD_REQUEST, "AccessDeniedException");
        dynamodb.inject_at(fault, Some("TransactWriteItems"), 2..usize::MAX);
        let response = service.post(PATH, &account.session, body.clone()).await;
        response.assert_error(503, "UNAVAILABLE");
        dynamodb.recover();
        assert_eq!(service.post(PATH, &account.session, body).await.expect(200)["more"], false);
    }
    for (key, _) in &keys {
        service.me(key).await.assert_unauthorized();
    }
    let mut events = revocations(&service, &account).await;
    events.sort_unstable();
    assert_eq!(events, ids);
}

#[tokio::test]
async fn concurrent_requests_revoke_each_key_once() {
    let service = Service::start().await;
    let account = service.account().await;
    let mut ids = Vec::new();
    for _ in 0..12 {
        ids.push(text(&service.key(&account.session, json!({})).await.1, "id").to_owned());
    }
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();
    tokio::join!(
        by_ids(&service, &account.session, &ids),
        by_creator(&service, &account.session, &account.user_id),
        by_creator(&service, &account.session, &account.user_id),
        by_ids(&service, &account.session, &ids[6..]),
    );
    let mut events = revocations(&service, &account).await;
    events.sort_unstable();
    assert_eq!(events, ids);
}

#[tokio::test]
async fn caller_other_than_a_session_with_admin_returns_403() {
    let service = Service::start().await;
    let account = service.account().await;
    let (key, record) = service.key(&account.session, json!({})).await;
    let (member, _) = service.member(&account.session, &["read", "write", "delete"]).await;
    for by in [&key, &member] {
        let response = service.post(PATH, by, json!({"ids": [text(&record, "id")]})).await;
        response.assert_forbidden();
    }
    service.me(&key).await.expect(200);
}

#[tokio::test]
async fn body_without_exactly_one_selection_or_with_too_many_ids_returns_400() {
    let service = Service::start().await;
    let account = service.account().await;
    let (_, key) = service.key(&account.session, json!({})).await;
    let id = text(&key, "id");
    for (body, field) in [
        (json!({}), "ids"),
        (json!({"ids": null}), "ids"),
        (json!({"ids": [id], "created_by": null}), "created_by"),
        (json!({"ids": [id], "created_by": account.user_id}), "created_by"),
        (json!({"ids": vec![id; 101]}), "ids"),
        (json!({"created_by": id}), "created_by"),
    ] {
        service.post(PATH, &account.session, body).await.assert_bad_field(field);
    }
    assert_eq!(status(&service, &account, &key).await, "active");
    let result = service.post(PATH, &account.session, json!({"ids": vec![id; 100]})).await;
    assert_eq!(result.expect(200), json!({"revoked": [id], "more": false}));
}
