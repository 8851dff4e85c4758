//! The limit of unrevoked API keys of an account.

use aws_sdk_dynamodb::types::AttributeValue;
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    response::{Response, text},
    seeded,
    service::{Account, Credential, Item, OwnService, Service, key_path},
};

/// Sets limits of the numbers of keys.
async fn limit(service: &Service, account: &Account, keys: Value) -> Value {
    let command = json!({"set_limits": {"account_id": account.id, "keys": keys}});
    service.operate(command).await.expect("the limits are set")
}

async fn create(service: &Service, by: &Credential, kind: &str) -> Response {
    let body = json!({"name": "A key", "permissions": ["read"], "type": kind});
    service.post("/v1/api-keys", by, body).await
}

fn assert_limit_reached(response: &Response, kind: &str, limit: u32) {
    response.assert_error(409, "CONFLICT");
    let message = format!(
        "The account has reached its limit of {limit} unrevoked {kind} keys. Revoke a key that is not needed, or ask the operator for a higher limit"
    );
    assert_eq!(response.body["error"]["message"], message);
}

fn item_key(account: &Account, kind: &str) -> Item {
    let text = |text: String| AttributeValue::S(text);
    let pk = text(format!("ACCOUNT#{}", account.id));
    Item::from([("pk".to_owned(), pk), ("sk".to_owned(), text(format!("KEY_COUNT#{kind}")))])
}

/// Removes the stored number of keys, so that the account is like one of the previous version.
async fn remove_count(service: &OwnService, account: &Account, kind: &str) {
    let table = service.gateway.table("Table").expect("the table");
    let delete = service.gateway.dynamodb().delete_item().table_name(table);
    delete.set_key(Some(item_key(account, kind))).send().await.expect("the item is deleted");
}

/// Changes the stored number of keys, as if the previous version had created or revoked keys.
async fn add_to_count(service: &OwnService, account: &Account, kind: &str, difference: i64) {
    let table = service.gateway.table("Table").expect("the table");
    let update = service.gateway.dynamodb().update_item().table_name(table);
    let update = update.set_key(Some(item_key(account, kind)));
    let update = update.update_expression("ADD #count :difference");
    let update = update.expression_attribute_names("#count", "count");
    let difference = AttributeValue::N(difference.to_string());
    let update = update.expression_attribute_values(":difference", difference);
    update.send().await.expect("the item is changed");
}

/// Returns the stored number of keys.
async fn stored_count(service: &OwnService, account: &Account, kind: &str) -> Option<i64> {
    let table = service.gateway.table("Table").expect("the table");
    let get = service.gateway.dynamodb().get_item().table_name(table).consistent_read(true);
    let item = get.set_key(Some(item_key(account, kind))).send().await.expect("the item is read").item;
    let count = item?.get("count")?.as_n().expect("a number").parse();
    Some(count.expect("a number"))
}

/// Returns the actual number of unrevoked keys.
async fn actual_count(service: &Service, account: &Account, kind: &str) -> i64 {
    let ids = service.ids(&format!("/v1/api-keys?type={kind}"), &account.session, 100).await;
    i64::try_from(ids.len()).expect("a small number")
}

async fn assert_counts_are_exact(service: &OwnService, account: &Account) {
    assert_counts_of(service, account, &["live", "test"]).await;
}

async fn assert_counts_of(service: &OwnService, account: &Account, kinds: &[&str]) {
    for kind in kinds {
        let stored = stored_count(service, account, kind).await;
        assert_eq!(stored, Some(actual_count(service, account, kind).await), "{kind}");
    }
}

#[tokio::test]
async fn defaults_are_those_of_the_template() {
    let service = OwnService::start_with(|options| {
        let parameters = [("LiveKeysPerAccount", "3"), ("TestKeysPerAccount", "2")];
        options.parameters.extend(parameters.map(|(name, value)| (name.to_owned(), value.to_owned())));
    })
    .await;
    let account = service.account().await;
    for (kind, limit) in [("live", 3), ("test", 2)] {
        for _ in 0..limit {
            create(&service, &account.session, kind).await.expect(201);
        }
        assert_limit_reached(&create(&service, &account.session, kind).await, kind, limit);
    }
    let service = OwnService::start().await;
    let account = service.account().await;
    for _ in 0..20 {
        create(&service, &account.session, "test").await.expect(201);
    }
    assert_limit_reached(&create(&service, &account.session, "test").await, "test", 20);
    create(&service, &account.session, "live").await.expect(201);
}

#[tokio::test]
async fn expired_and_disabled_keys_count_until_they_are_revoked() {
    let service = OwnService::start().await;
    let account = service.account().await;
    limit(&service, &account, json!({"live": 2, "test": 1})).await;
    let expires_at = service.time.in_seconds(60);
    let (_, expired) = service.key(&account.session, json!({"expires_at": expires_at})).await;
    let (_, disabled) = service.key(&account.session, json!({})).await;
    service.patch(&key_path(&disabled), &account.session, json!({"disabled": true})).await.expect(200);
    service.time.pass(60);
    assert_limit_reached(&create(&service, &account.session, "live").await, "live", 2);
    // The types have separate limits.
    create(&service, &account.session, "test").await.expect(201);
    assert_limit_reached(&create(&service, &account.session, "test").await, "test", 1);
    // A rotation and a change create no key.
    let key = service.ids("/v1/api-keys?type=test", &account.session, 100).await;
    let path = format!("/v1/api-keys/{}", key[0]);
    service.post(&format!("{path}/rotate"), &account.session, json!({})).await.expect(200);
    for key in [&expired, &disabled] {
        service.delete(&key_path(key), &account.session).await.expect(204);
        create(&service, &account.session, "live").await.expect(201);
        assert_limit_reached(&create(&service, &account.session, "live").await, "live", 2);
    }
}

#[tokio::test]
async fn key_that_would_exceed_its_creator_gets_403_at_the_limit() {
    let service = Service::start().await;
    let account = service.account().await;
    let (key, _) = service.key(&account.session, json!({"type": "test"})).await;
    limit(&service, &account, json!({"live": 0, "test": 1})).await;
    create(&service, &key, "live").await.assert_forbidden();
    assert_limit_reached(&create(&service, &account.session, "live").await, "live", 0);
    assert_limit_reached(&create(&service, &key, "test").await, "test", 1);
}

#[tokio::test]
async fn lowered_limit_keeps_the_keys_and_a_raised_one_applies_at_once() {
    let service = Service::start().await;
    let account = service.account().await;
    let keys =
        [service.key(&account.session, json!({})).await, service.key(&account.session, json!({})).await];
    let result = limit(&service, &account, json!({"live": 1})).await;
    assert_eq!(result["keys"], json!({"live": 1, "test": null}));
    for (key, _) in &keys {
        service.me(key).await.expect(200);
    }
    service.delete(&key_path(&keys[0].1), &account.session).await.expect(204);
    assert_limit_reached(&create(&service, &account.session, "live").await, "live", 1);
    service.delete(&key_path(&keys[1].1), &account.session).await.expect(204);
    create(&service, &account.session, "live").await.expect(201);
    assert_limit_reached(&create(&service, &account.session, "live").await, "live", 1);
    limit(&service, &account, json!({"live": 2})).await;
    create(&service, &account.session, "live").await.expect(201);
    assert_limit_reached(&create(&service, &account.session, "live").await, "live", 2);
    limit(&service, &account, json!({"live": null})).await;
    create(&service, &account.session, "live").await.expect(201);
}

#[tokio::test]
async fn retry_of_a_creation_returns_its_response_at_the_limit() {
    let service = Service::start().await;
    let account = service.account().await;
    limit(&service, &account, json!({"live": 1})).await;
    let body = json!({"name": "A key", "permissions": ["read"]});
    let request = || {
        let request = service.request("POST", "/v1/api-keys").with(&account.session);
        request.header("Idempotency-Key", "A").json(&body).send()
    };
    let created = request().await.expect(201);
    assert_limit_reached(&create(&service, &account.session, "live").await, "live", 1);
    let replayed = request().await;
    assert_eq!(replayed.header("idempotency-replayed"), Some("true"));
    assert_eq!(replayed.expect(201)["id"], created["id"]);
    // A rejected creation is not stored, so its retry succeeds.
    let request = || {
        let request = service.request("POST", "/v1/api-keys").with(&account.session);
        request.header("Idempotency-Key", "B").json(&body).send()
    };
    assert_limit_reached(&request().await, "live", 1);
    service.delete(&key_path(&created), &account.session).await.expect(204);
    request().await.expect(201);
}

/// The ways to revoke a key.
#[derive(Debug, Clone, Copy)]
enum Way {
    Delete,
    ByIds,
    ByCreator,
    Reported,
    Operator,
    OperatorForAll,
}

const WAYS: [Way; 6] =
    [Way::Delete, Way::ByIds, Way::ByCreator, Way::Reported, Way::Operator, Way::OperatorForAll];

impl Way {
    /// Revokes a key.
    async fn revoke(self, service: &OwnService, account: &Account, (secret, key): &(Credential, Value)) {
        let id = text(key, "id");
        let by = &account.session;
        match self {
            Self::Delete => {
                service.delete(&key_path(key), by).await.expect(204);
            }
            Self::ByIds => {
                service.post("/v1/api-keys/revoke", by, json!({"ids": [id, id]})).await.expect(200);
            }
            Self::ByCreator => {
                let creator = json!({"created_by": account.user_id});
                service.post("/v1/api-keys/revoke", by, creator).await.expect(200);
            }
            Self::Reported => {
                service.report(&[secret, secret]).await.expect(202);
            }
            Self::Operator => {
                let keys = json!([{"account_id": account.id, "key_id": id}]);
                let command = json!({"created_before": null, "keys": keys});
                service.operate(json!({"end_restored_credentials": command})).await.expect("a result");
            }
            Self::OperatorForAll => {
                service.time.pass(1);
                let command = json!({"created_before": service.time.in_seconds(0), "all_keys": true});
                service.operate(json!({"end_restored_credentials": command})).await.expect("a result");
            }
        }
    }
}

#[tokio::test]
async fn each_revocation_makes_room_for_exactly_one_key() {
    for way in WAYS {
        let service = OwnService::start().await;
        let mut account = service.account().await;
        for kind in ["live", "test"] {
            limit(&service, &account, json!({"live": 1, "test": 1})).await;
            let key = service.key(&account.session, json!({"type": kind})).await;
            assert_limit_reached(&create(&service, &account.session, kind).await, kind, 1);
            // The second time, the key is revoked already.
            for _ in 0..2 {
                way.revoke(&service, &account, &key).await;
                // The operator's command for all keys also ends the sessions.
                account.session = service.login(&account.email).await;
                assert_eq!(stored_count(&service, &account, kind).await, Some(0), "{way:?} {kind}");
            }
            let key = service.key(&account.session, json!({"type": kind})).await;
            assert_limit_reached(&create(&service, &account.session, kind).await, kind, 1);
            service.delete(&key_path(&key.1), &account.session).await.expect(204);
        }
    }
}

#[tokio::test]
async fn bulk_revocation_of_both_types_counts_each_key() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let mut ids = Vec::new();
    for index in 0..25 {
        let kind = if index % 3 == 0 { "test" } else { "live" };
        let (_, key) = service.key(&account.session, json!({"type": kind})).await;
        ids.push(text(&key, "id").to_owned());
    }
    service.post("/v1/api-keys/revoke", &account.session, json!({"ids": ids[..23]})).await.expect(200);
    assert_counts_are_exact(&service, &account).await;
    assert_eq!(actual_count(&service, &account, "live").await, 1);
    let creator = json!({"created_by": account.user_id});
    service.post("/v1/api-keys/revoke", &account.session, creator).await.expect(200);
    assert_counts_are_exact(&service, &account).await;
    assert_eq!(actual_count(&service, &account, "live").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_creations_never_exceed_the_limit() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (child, _) =
        service.key(&account.session, json!({"permissions": ["read", "admin"], "type": "test"})).await;
    let (parent, _) = service.key(&account.session, json!({"permissions": ["read", "admin"]})).await;
    limit(&service, &account, json!({"live": 5, "test": 4})).await;
    for is_first_use in [false, true] {
        if is_first_use {
            limit(&service, &account, json!({"live": 7, "test": 6})).await;
            for kind in ["live", "test"] {
                remove_count(&service, &account, kind).await;
            }
        }
        let (live, test) = if is_first_use { (7, 6) } else { (5, 4) };
        let before =
            actual_count(&service, &account, "live").await + actual_count(&service, &account, "test").await;
        let callers = [(&account.session, "live"), (&parent, "test"), (&parent, "live"), (&child, "test")];
        let mut requests = JoinSet::new();
        for index in 0..24 {
            let (by, kind) = callers[index % callers.len()];
            let body = json!({"name": "A key", "permissions": ["read"], "type": kind});
            requests.spawn(service.request("POST", "/v1/api-keys").with(by).json(&body).send());
        }
        let responses = requests.join_all().await;
        let created = responses.iter().filter(|response| response.status == 201).count();
        assert!(responses.iter().all(|response| [201, 409, 503].contains(&response.status)), "{responses:?}");
        let counts =
            [actual_count(&service, &account, "live").await, actual_count(&service, &account, "test").await];
        assert_eq!(counts.iter().sum::<i64>() - before, i64::try_from(created).expect("a small number"));
        assert_counts_are_exact(&service, &account).await;
        // A creation that conflicts with others may fail below the limit.
        for (kind, limit) in [("live", live), ("test", test)] {
            while actual_count(&service, &account, kind).await < i64::from(limit) {
                create(&service, &account.session, kind).await.expect(201);
            }
            assert_limit_reached(&create(&service, &account.session, kind).await, kind, limit);
        }
    }
}

#[tokio::test]
async fn revocation_while_the_keys_are_counted_is_counted() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    for is_missing in [true, false] {
        limit(&service, &account, json!({"live": 3})).await;
        let (_, key) = service.key(&account.session, json!({})).await;
        service.key(&account.session, json!({})).await;
        if is_missing {
            remove_count(&service, &account, "live").await;
        } else {
            // The keys are counted again.
            limit(&service, &account, json!({})).await;
        }
        // The number of keys is stored with an `UpdateItem`.
        let mut held = dynamodb.hold("UpdateItem");
        let revocation = async {
            held.arrived().await;
            service.delete(&key_path(&key), &account.session).await.expect(204);
            drop(held);
        };
        let (created, ()) = tokio::join!(create(&service, &account.session, "live"), revocation);
        created.expect(201);
        assert_eq!(stored_count(&service, &account, "live").await, Some(2), "missing: {is_missing}");
        assert_counts_of(&service, &account, &["live"]).await;
        for id in service.ids("/v1/api-keys", &account.session, 100).await {
            service.delete(&format!("/v1/api-keys/{id}"), &account.session).await.expect(204);
        }
    }
}

#[tokio::test]
async fn two_first_creations_count_the_keys_once() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    service.key(&account.session, json!({})).await;
    limit(&service, &account, json!({"live": 2})).await;
    let mut held = dynamodb.hold("UpdateItem");
    let other = async {
        held.arrived().await;
        create(&service, &account.session, "live").await.expect(201);
        drop(held);
    };
    let (response, ()) = tokio::join!(create(&service, &account.session, "live"), other);
    assert_limit_reached(&response, "live", 2);
    assert_eq!(stored_count(&service, &account, "live").await, Some(2));
}

#[tokio::test]
async fn account_of_the_previous_version_is_counted_at_its_first_creation() {
    let service = OwnService::start().await;
    let account = service.account().await;
    limit(&service, &account, json!({"live": 3})).await;
    let mut keys = Vec::new();
    for _ in 0..3 {
        keys.push(service.key(&account.session, json!({})).await.1);
    }
    remove_count(&service, &account, "live").await;
    assert_limit_reached(&create(&service, &account.session, "live").await, "live", 3);
    remove_count(&service, &account, "live").await;
    // A revocation does not count the keys.
    service.delete(&key_path(&keys[0]), &account.session).await.expect(204);
    assert_eq!(stored_count(&service, &account, "live").await, Some(-1));
    create(&service, &account.session, "live").await.expect(201);
    assert_limit_reached(&create(&service, &account.session, "live").await, "live", 3);
    assert_counts_of(&service, &account, &["live"]).await;
}

#[tokio::test]
async fn operator_corrects_a_number_that_the_previous_version_did_not_update() {
    let service = OwnService::start().await;
    let account = service.account().await;
    limit(&service, &account, json!({"live": 2})).await;
    let (_, key) = service.key(&account.session, json!({})).await;
    // The previous version revoked a key.
    add_to_count(&service, &account, "live", 1).await;
    assert_limit_reached(&create(&service, &account.session, "live").await, "live", 2);
    let result = limit(&service, &account, json!({})).await;
    assert_eq!(result["keys"], json!({"live": 2, "test": null}));
    create(&service, &account.session, "live").await.expect(201);
    assert_counts_of(&service, &account, &["live"]).await;
    // The previous version created two keys. A number below zero is wrong, so the keys are counted.
    add_to_count(&service, &account, "live", -2).await;
    service.delete(&key_path(&key), &account.session).await.expect(204);
    create(&service, &account.session, "live").await.expect(201);
    assert_limit_reached(&create(&service, &account.session, "live").await, "live", 2);
    assert_counts_of(&service, &account, &["live"]).await;
}

#[derive(Debug, Clone)]
enum Step {
    Create(usize),
    Revoke(Way, usize),
    /// Revokes a key again.
    Repeat(Way),
    Limit(usize, u32),
    RemoveCount(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // The others revoke several keys at once.
    let way = || prop_oneof![Just(Way::Delete), Just(Way::ByIds), Just(Way::Reported), Just(Way::Operator)];
    let step = prop_oneof![
        5 => (0..2_usize).prop_map(Step::Create),
        3 => (way(), any::<usize>()).prop_map(|(way, index)| Step::Revoke(way, index)),
        1 => way().prop_map(Step::Repeat),
        1 => (0..2_usize, 0..4_u32).prop_map(|(kind, limit)| Step::Limit(kind, limit)),
        1 => (0..2_usize).prop_map(Step::RemoveCount),
    ];
    prop::collection::vec(step, 1..25)
}

#[test]
fn any_sequence_of_creations_and_revocations_keeps_to_the_limits() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let service = runtime.block_on(OwnService::start());
    seeded::cases(16, &steps(), |_, steps| runtime.block_on(compare_with_model(&service, steps)));
}

async fn compare_with_model(service: &OwnService, steps: Vec<Step>) {
    const KINDS: [&str; 2] = ["live", "test"];
    let account = service.account().await;
    let mut limits = [2, 2];
    limit(service, &account, json!({"live": 2, "test": 2})).await;
    let mut keys: Vec<(usize, (Credential, Value))> = Vec::new();
    let mut revoked = Vec::new();
    for step in steps {
        match step {
            Step::Create(kind) => {
                let response = create(service, &account.session, KINDS[kind]).await;
                let count = keys.iter().filter(|(other, _)| *other == kind).count();
                if count < limits[kind] as usize {
                    let key = response.expect(201);
                    keys.push((kind, (Credential::bearer(text(&key, "key")), key)));
                } else {
                    assert_limit_reached(&response, KINDS[kind], limits[kind]);
                }
            }
            Step::Revoke(way, index) if !keys.is_empty() => {
                let (_, key) = keys.remove(index % keys.len());
                way.revoke(service, &account, &key).await;
                revoked.push(key);
            }
            Step::Repeat(way) => {
                if let Some(key) = revoked.last() {
                    way.revoke(service, &account, key).await;
                }
            }
            Step::Limit(kind, new) => {
                limits[kind] = new;
                limit(service, &account, json!({KINDS[kind]: new})).await;
            }
            Step::RemoveCount(kind) => remove_count(service, &account, KINDS[kind]).await,
            Step::Revoke(..) => {}
        }
        for (kind, name) in KINDS.into_iter().enumerate() {
            let count = keys.iter().filter(|(other, _)| *other == kind).count();
            assert_eq!(actual_count(service, &account, name).await, i64::try_from(count).expect("small"));
            // A negative number is unknown.
            if let Some(stored @ 0..) = stored_count(service, &account, name).await {
                assert_eq!(stored, i64::try_from(count).expect("small"), "{name}");
            }
        }
    }
}
