//! Personal data: how long it is stored, its export and its erasure.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::{
    authorization::restrictions::update_item,
    dynamodb::Fault,
    response::text,
    service::{Account, Credential, Item, OwnService, PASSWORD, Service, key_path, new_address},
};

const DAY: i64 = 24 * 60 * 60;

/// The delay of a query, and so many queries that they take longer than the six seconds after which a command begins no further work.
const SLOW: Fault = Fault::Delay(Duration::from_millis(900));
const FIRST_QUERIES: Range<usize> = 0..7;

/// Returns the audit events of an account, newest first.
async fn events(service: &Service, admin: &Credential) -> Vec<Value> {
    let page = service.get("/v1/audit-events?limit=100", admin).await.expect(200);
    page["data"].as_array().expect("a list").clone()
}

/// Sends a command and returns the type of its error.
async fn error_type(service: &Service, command: Value) -> String {
    service.operate(command).await.expect_err("the command fails").error_type
}

/// Returns the primary key of an item.
fn key(item: &Item) -> [String; 2] {
    ["pk", "sk"].map(|name| item[name].as_s().expect("a text").clone())
}

/// Returns true if the item contains this text anywhere.
fn contains(item: &Item, text: &str) -> bool {
    fn any(value: &AttributeValue, text: &str) -> bool {
        match value {
            AttributeValue::S(value) => value.contains(text),
            AttributeValue::M(map) => map.values().any(|value| any(value, text)),
            AttributeValue::L(list) => list.iter().any(|value| any(value, text)),
            AttributeValue::Ss(list) => list.iter().any(|value| value.contains(text)),
            _ => false,
        }
    }
    item.values().any(|value| any(value, text))
}

/// Creates entities of all kinds that an account can have. Returns a member who has been removed.
async fn fill(service: &OwnService, account: &Account) -> (String, String) {
    let admin = &account.session;
    let (_, record) = service.key(admin, json!({})).await;
    service.rotate(&record, admin, 3_600).await;
    service.key(admin, json!({"expires_at": service.time.in_seconds(40 * DAY)})).await;
    let (used, _) = service.key(admin, json!({"allowed_ips": ["127.0.0.1"]})).await;
    service.me(&used).await.expect(200);
    service.time.pass(DAY);
    service.me(&used).await.expect(200);
    service.time.pass(DAY);
    service.me(&used).await.expect(200);
    // The first session has expired.
    let admin = &service.login(&account.email).await;
    let idempotent = service.request("POST", "/v1/projects").with(admin).header("Idempotency-Key", "1");
    idempotent.json(&json!({"name": "A"})).send().await.expect(201);
    service
        .request("POST", "/v1/projects?environment=test")
        .with(admin)
        .json(&json!({"name": "B"}))
        .send()
        .await
        .expect(201);
    service.invite(admin, &new_address(), &["read"]).await;
    let email = new_address();
    let (member, _) = service.member_with_email(admin, &email, &["read"]).await;
    let (mut authenticator, _) = service.add_passkey(&member).await;
    service.new_passkey(&member, &mut authenticator).await;
    service.second_factor(&email).await;
    service.operate(json!({"reset_password": {"email": email}})).await.expect("a token");
    let former = new_address();
    let (session, id) = service.member_with_email(admin, &former, &["read", "write"]).await;
    service.post("/v1/projects", &session, json!({"name": "C"})).await.expect(201);
    service.delete(&format!("/v1/members/{id}"), admin).await.expect(204);
    service.delete(&key_path(&record), admin).await.expect(204);
    (former, id)
}

/// Returns all items that belong to the account with this id.
async fn items_of(service: &OwnService, account: &str) -> Vec<Item> {
    let mut items = service.items().await;
    items.retain(|item| contains(item, account));
    items
}

/// Exports an account.
async fn export(service: &Service, account: &str) -> Vec<Value> {
    export_results(service, account).await.concat()
}

/// Exports an account. Returns the items of each result.
async fn export_results(service: &Service, account: &str) -> Vec<Vec<Value>> {
    let mut results = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let command = json!({"export_account": {"account_id": account, "cursor": cursor}});
        let page = service.operate(command).await.expect("the account is exported");
        assert_eq!(page["account_id"], account);
        results.push(page["items"].as_array().expect("a list").clone());
        cursor = page["cursor"].clone();
        if cursor.is_null() {
            return results;
        }
    }
}

#[tokio::test]
async fn ip_address_of_an_event_is_shown_until_its_retention_ends() {
    let service = OwnService::start_with(|options| {
        options.parameters.insert("PersonalDataRetentionDays".to_owned(), "2".to_owned());
    })
    .await;
    let account = service.account().await;
    service.key(&account.session, json!({})).await;
    let address = async || {
        let admin = service.login(&account.email).await;
        let events = events(&service, &admin).await;
        events.into_iter().find(|event| event["type"] == "api_key.created").expect("the event")["source_ip"]
            .clone()
    };
    assert_eq!(address().await, "127.0.0.1");
    service.time.pass(2 * DAY - 1);
    assert_eq!(address().await, "127.0.0.1");
    service.time.pass(1);
    assert_eq!(address().await, Value::Null);
}

#[tokio::test]
async fn event_of_an_earlier_version_shows_the_addresses_in_it() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (member, id) = service.member(&account.session, &["read"]).await;
    let email = text(&service.me(&member).await.body, "email").to_owned();
    let client = service.gateway.dynamodb();
    let table = service.gateway.table("Table").expect("the table");
    for mut item in items_of(&service, &account.id).await {
        let [pk, sk] = key(&item);
        if pk.ends_with("#PERSONAL") {
            let key = [("pk", pk), ("sk", sk)].map(|(name, text)| (name.to_owned(), AttributeValue::S(text)));
            client
                .delete_item()
                .table_name(table)
                .set_key(Some(key.into()))
                .send()
                .await
                .expect("a deletion");
        } else if item
            .get("type")
            .is_some_and(|kind| kind == &AttributeValue::S("member.accepted".to_owned()))
        {
            item.insert("email".to_owned(), AttributeValue::S(email.clone()));
            item.insert("source_ip".to_owned(), AttributeValue::S("192.0.2.1".to_owned()));
            client.put_item().table_name(table).set_item(Some(item)).send().await.expect("a write");
        }
    }
    let shown = events(&service, &account.session).await;
    let accepted = shown.iter().find(|event| event["type"] == "member.accepted").expect("the event");
    assert_eq!((text(accepted, "email"), text(accepted, "source_ip")), (&*email, "192.0.2.1"));

    // The removal stores the address for the events, and the command finds it also in the event.
    service.delete(&format!("/v1/members/{id}"), &account.session).await.expect(204);
    let command = json!({"forget_member": {"account_id": account.id, "user_id": id}});
    service.time.pass(30);
    service.operate(command).await.expect("the member is forgotten");
    assert!(!service.items().await.iter().any(|item| contains(item, &email) || contains(item, "192.0.2.1")));
}

#[tokio::test]
async fn forget_member_erases_the_addresses_and_keeps_the_events() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (email, id) = fill(&service, &account).await;
    let admin = service.login(&account.email).await;
    let before = events(&service, &admin).await;
    let of_member = |event: &Value| {
        event["actor"]["user_id"] == *id || (event["actor"].is_null() && event["user_id"] == *id)
    };
    assert!(before.iter().any(|event| event["email"] == *email));
    assert!(before.iter().any(|event| of_member(event) && event["source_ip"] == "127.0.0.1"));

    let command = json!({"forget_member": {"account_id": account.id, "user_id": id}});
    let result = |more: bool| json!({"account_id": account.id, "user_id": id, "more": more});
    assert_eq!(service.operate(command.clone()).await, Ok(result(true)), "requests may still be in progress");
    service.time.pass(30);
    let forgotten = result(false);
    assert_eq!(service.operate(command.clone()).await, Ok(forgotten.clone()));
    let mut after = events(&service, &admin).await;
    let event = after.remove(0);
    assert_eq!((text(&event, "type"), text(&event, "user_id")), ("member.forgotten", &*id));
    let mut expected = before;
    for event in &mut expected {
        if event["email"] == *email {
            event["email"] = Value::Null;
        }
        if of_member(event) {
            event["source_ip"] = Value::Null;
        }
    }
    assert_eq!(after, expected);
    assert!(!service.items().await.iter().any(|item| contains(item, &email)), "no item contains the address");
    assert_eq!(service.operate(command).await, Ok(forgotten), "the command can be repeated");
    assert_eq!(events(&service, &admin).await.len(), after.len() + 1);
}

#[tokio::test]
async fn forget_member_of_a_member_whom_the_previous_version_removed_is_complete_after_half_a_minute() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (_, id) = service.member(&account.session, &["read"]).await;
    service.delete(&format!("/v1/members/{id}"), &account.session).await.expect(204);
    // The previous version does not store when it removes a member whom this version invited.
    let (pk, sk) = (format!("{}#PERSONAL", account.partition()), format!("ADDRESS#{id}"));
    let update = update_item(&service, &pk, &sk).update_expression("REMOVE removed_at");
    update.send().await.expect("the time is removed");
    service.time.pass(60);
    let command = json!({"forget_member": {"account_id": account.id, "user_id": id}});
    for (seconds, more) in [(29, true), (1, true), (0, false)] {
        assert_eq!(service.operate(command.clone()).await.expect("a result")["more"], more, "{seconds}");
        service.time.pass(seconds);
    }
}

#[tokio::test]
async fn forget_member_without_time_for_all_events_of_an_earlier_version_continues_after_the_last_one() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let (_, id) = service.member(&account.session, &["read"]).await;
    service.delete(&format!("/v1/members/{id}"), &account.session).await.expect(204);
    // As an earlier version stored them.
    let (client, table) = (service.gateway.dynamodb(), service.gateway.table("Table").expect("the table"));
    let is_acceptance = |item: &Item| {
        let has = |name: &str, value: &str| {
            item.get(name).is_some_and(|text| text.as_s().is_ok_and(|text| text == value))
        };
        has("type", "member.accepted") && has("user_id", &id)
    };
    let event = service.items().await.into_iter().find(is_acceptance).expect("the event");
    for n in 0..450 {
        let mut event = event.clone();
        for (name, text) in [
            ("sk", format!("EVENT#event_{n:016}")),
            ("id", format!("event_{n:016}")),
            ("email", "former@example.com".to_owned()),
        ] {
            event.insert(name.to_owned(), AttributeValue::S(text));
        }
        client.put_item().table_name(table).set_item(Some(event)).send().await.expect("a write");
    }
    service.time.pass(30);

    let command = json!({"forget_member": {"account_id": account.id, "user_id": id}});
    dynamodb.inject(Fault::Delay(Duration::from_millis(1_500)), Some("Query"));
    let first = service.operate(command.clone()).await.expect("a result");
    dynamodb.recover();
    assert_eq!(first["more"], true);
    loop {
        dynamodb.calls();
        let next = service.operate(command.clone()).await.expect("a result");
        // Two partitions without events, and fewer than the five pages of all events.
        let queries = dynamodb.calls().iter().filter(|call| call.contains("Query")).count();
        assert!((3..7).contains(&queries), "{queries} queries");
        // On a busy machine, it may take more than two commands.
        if next["more"] == false {
            break;
        }
    }
    assert!(!service.items().await.iter().any(|item| contains(item, "former@example.com")));
}

#[tokio::test]
async fn forget_member_of_a_present_or_unknown_member_changes_nothing() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (_, id) = service.member(&account.session, &["read"]).await;
    let other = service.account().await;
    let command =
        |account: &str, user: &str| json!({"forget_member": {"account_id": account, "user_id": user}});
    let before = service.items().await;
    assert_eq!(error_type(&service, command(&account.id, &id)).await, "CONFLICT");
    assert_eq!(error_type(&service, command(&account.id, "user_0000000000000000")).await, "NOT_FOUND");
    assert_eq!(error_type(&service, command(&other.id, &id)).await, "NOT_FOUND");
    assert_eq!(service.items().await, before);
}

#[tokio::test]
async fn keys_of_a_forgotten_member_can_still_be_revoked_by_their_creator() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (member, id) = service.member(&account.session, &["read"]).await;
    let (key, record) = service.key(&member, json!({"permissions": ["read"]})).await;
    service.delete(&format!("/v1/members/{id}"), &account.session).await.expect(204);
    service.time.pass(30);
    let command = json!({"forget_member": {"account_id": account.id, "user_id": id}});
    assert_eq!(service.operate(command).await.expect("the member is forgotten")["more"], false);
    service.me(&key).await.expect(200);
    let revoke = service.post("/v1/api-keys/revoke", &account.session, json!({"created_by": id})).await;
    assert_eq!(revoke.expect(200), json!({"revoked": [record["id"]], "more": false}));
    service.me(&key).await.assert_unauthorized();
}

#[tokio::test]
async fn export_contains_every_item_of_the_account_and_no_digest() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let other = service.account().await;
    fill(&service, &account).await;
    let exported = export(&service, &account.id).await;

    // The items that show whom an address belongs to contain nothing else.
    let mut stored = items_of(&service, &account.id).await;
    stored.retain(|item| !key(item)[0].starts_with("EMAIL#"));
    let without_key = ["challenge", "idempotency_record"];
    assert_eq!(exported.len(), stored.len());
    let exported_keys: Vec<_> = exported
        .iter()
        .filter(|item| !without_key.contains(&text(item, "kind")))
        .map(|item| [text(item, "pk").to_owned(), text(item, "sk").to_owned()])
        .collect();
    let by_key: BTreeMap<_, _> = stored.iter().map(|item| (key(item), item)).collect();
    for key in &exported_keys {
        assert!(by_key.contains_key(key), "{key:?}");
    }
    let mut kinds: Vec<_> = exported.iter().map(|item| text(item, "kind")).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let expected = [
        "account",
        "api_key",
        "api_key_count",
        "api_key_of_member",
        "audit_event",
        "audit_event_source",
        "challenge",
        "idempotency_record",
        "invited_address",
        "key_expiry_reminder",
        "login_token",
        "member",
        "member_address",
        "passkey",
        "password_resets",
        "project",
        "recovery_codes",
        "session",
        "usage",
    ];
    assert_eq!(kinds, expected);

    // Each attribute is exported, except for digests, password hashes, and what would work as a credential.
    let withheld = [
        "challenge",
        "current",
        "digest",
        "digests",
        "invitation",
        "password",
        "pepper_version",
        "request",
        "sk",
        "state",
        "tokens",
    ];
    for item in &exported {
        if without_key.contains(&text(item, "kind")) {
            continue;
        }
        let stored = by_key[&[text(item, "pk").to_owned(), text(item, "sk").to_owned()]];
        for name in stored.keys() {
            assert!(item.get(name).is_some() || withheld.contains(&&**name), "{name} of {item}");
        }
    }
    let json = Value::from(exported).to_string();
    for secret in ["\"mac\"", "$argon2id$", "\"phc\"", other.id.as_str(), other.email.as_str()] {
        assert!(!json.contains(secret), "{secret}");
    }
    for item in &stored {
        for binary in binaries(item) {
            let encoded = serde_json::to_string(&binary).expect("JSON");
            assert!(!json.contains(encoded.trim_matches(['[', ']'])), "a digest is exported");
        }
    }
}

/// Returns the binary values in an item: the digests.
fn binaries(item: &Item) -> Vec<Vec<u8>> {
    fn all(value: &AttributeValue, found: &mut Vec<Vec<u8>>) {
        match value {
            AttributeValue::B(bytes) => found.push(bytes.as_ref().to_vec()),
            AttributeValue::M(map) => {
                for value in map.values() {
                    all(value, found);
                }
            }
            AttributeValue::L(list) => {
                for value in list {
                    all(value, found);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    for value in item.values() {
        all(value, &mut found);
    }
    found
}

#[tokio::test]
async fn export_with_the_cursor_of_another_account_is_rejected() {
    let service = OwnService::start().await;
    let (account, other) = (service.account().await, service.account().await);
    for cursor in ["", "x", "QUNDT1VOVCMx"] {
        let command = json!({"export_account": {"account_id": account.id, "cursor": cursor}});
        assert_eq!(error_type(&service, command).await, "BAD_REQUEST", "{cursor}");
    }
    let position = format!("ACCOUNT#{}#AUDIT", other.id);
    let cursor = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, position);
    let command = json!({"export_account": {"account_id": account.id, "cursor": cursor}});
    assert_eq!(error_type(&service, command).await, "BAD_REQUEST");
    let command = json!({"export_account": {"account_id": "acct_0000000000000000"}});
    assert_eq!(error_type(&service, command).await, "NOT_FOUND");
}

#[tokio::test]
async fn export_of_many_items_has_several_pages() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    for _ in 0..110 {
        service.project(&account.session).await;
    }
    let mut stored = items_of(&service, &account.id).await;
    stored.retain(|item| !key(item)[0].starts_with("EMAIL#"));
    let mut stored: Vec<_> = stored.iter().map(key).collect();
    assert!(stored.len() > 330, "several partitions need several queries");
    dynamodb.inject_at(SLOW, Some("Query"), FIRST_QUERIES);
    let results = export_results(&service, &account.id).await;
    assert!(results.len() > 1 && results.iter().all(|items| !items.is_empty()), "{}", results.len());
    let key = |item: &Value| ["pk", "sk"].map(|name| text(item, name).to_owned());
    let mut exported: Vec<_> = results.iter().flatten().map(key).collect();
    exported.sort_unstable();
    stored.sort_unstable();
    assert_eq!(exported, stored);
}

#[tokio::test]
async fn export_of_large_items_has_results_below_4_mb() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let text = "a".repeat(50_000);
    for n in 0..60 {
        store_event(&service, &account, n, &text).await;
    }
    let results = export_results(&service, &account.id).await;
    assert!(results.len() > 1, "all items are in one result");
    for items in &results {
        let size = json!(items).to_string().len();
        assert!(size < 4_000_000, "{size} bytes");
    }
    let exported = results.iter().flatten().filter(|item| item["text"] == *text).count();
    assert_eq!(exported, 60);
}

#[tokio::test]
async fn delete_account_leaves_only_a_tombstone() {
    let service = OwnService::start().await;
    let (account, other) = (service.account().await, service.account().await);
    fill(&service, &account).await;
    let admin = service.login(&account.email).await;
    let (live, _) = service.key(&admin, json!({})).await;
    let others = items_of(&service, &other.id).await;
    let name = service.get("/v1/account", &admin).await.expect(200)["name"].clone();

    let command = json!({"delete_account": {"account_id": account.id, "confirm": name}});
    let deleting = json!({"account_id": account.id, "status": "deleting"});
    assert_eq!(service.operate(command.clone()).await, Ok(deleting), "requests may still be in progress");
    service.me(&admin).await.assert_unauthorized();
    assert_eq!(service.me(&live).await.status, 403);
    let restore = json!({"restore_account": {"account_id": account.id}});
    assert_eq!(error_type(&service, restore.clone()).await, "CONFLICT");

    // Erases everything, and then once more what requests have written in the meantime.
    let deleting = json!({"account_id": account.id, "status": "deleting"});
    service.time.pass(30);
    assert_eq!(service.operate(command.clone()).await, Ok(deleting));
    // As a request does that began before the account was erased.
    store_event(&service, &account, 1, "").await;
    service.time.pass(30);
    let deleted = json!({"account_id": account.id, "status": "deleted"});
    assert_eq!(service.operate(command.clone()).await, Ok(deleted.clone()));
    let remaining = items_of(&service, &account.id).await;
    let sort_keys: Vec<_> = remaining.iter().map(|item| key(item)[1].clone()).collect();
    assert_eq!(sort_keys, ["TOMBSTONE"]);
    let personal = [&account.email, &account.user_id];
    assert!(!service.items().await.iter().any(|item| personal.iter().any(|text| contains(item, text))));
    assert_eq!(items_of(&service, &other.id).await, others, "another account stays as it is");

    service.me(&live).await.assert_unauthorized();
    assert_eq!(error_type(&service, restore).await, "NOT_FOUND");
    let export = json!({"export_account": {"account_id": account.id}});
    assert_eq!(error_type(&service, export).await, "NOT_FOUND");
    assert_eq!(service.operate(command).await, Ok(deleted), "the command can be repeated");
    let again = json!({"create_account": {"name": "Again", "email": account.email, "password": PASSWORD}});
    service.operate(again).await.expect("the address is free again");
    service.login(&account.email).await;
}

#[tokio::test]
async fn delete_account_that_runs_out_of_time_is_completed_by_its_repetition() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    fill(&service, &account).await;
    let command = json!({"delete_account": {"account_id": account.id, "confirm": "Study"}});
    let status = async || service.operate(command.clone()).await.expect("a result")["status"].clone();
    assert_eq!(status().await, "deleting");
    service.time.pass(30);
    let before = items_of(&service, &account.id).await.len();
    dynamodb.inject_at(SLOW, Some("Query"), FIRST_QUERIES);
    assert_eq!(status().await, "deleting");
    let rest = items_of(&service, &account.id).await.len();
    assert!(1 < rest && rest < before, "{rest} of {before} items remain");
    assert_eq!(status().await, "deleting");
    service.time.pass(30);
    assert_eq!(status().await, "deleted");
    assert_eq!(items_of(&service, &account.id).await.len(), 1, "only a tombstone remains");
}

/// Creates an account whose former member is named only by a key that originates from them, as after a removal by the previous version.
async fn account_with_a_member_without_an_address(service: &OwnService) -> Account {
    let account = service.account().await;
    let (member, id) = service.member(&account.session, &["read", "admin"]).await;
    service.key(&member, json!({"permissions": ["read"]})).await;
    service.delete(&format!("/v1/members/{id}"), &account.session).await.expect(204);
    let key = [("pk", format!("{}#PERSONAL", account.partition())), ("sk", format!("ADDRESS#{id}"))];
    let key = key.map(|(name, text)| (name.to_owned(), AttributeValue::S(text)));
    let delete = service.gateway.dynamodb().delete_item();
    let delete = delete.table_name(service.gateway.table("Table").expect("the table"));
    delete.set_key(Some(key.into())).send().await.expect("the address is deleted");
    account
}

#[tokio::test]
async fn delete_account_erases_a_former_member_whom_only_a_key_names_also_after_a_failure() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let fault = Fault::Error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError");
    // The calls that erase the key and what belongs to the member.
    for (operation, position) in
        [("Query", 1), ("Query", 2), ("Query", 3), ("TransactWriteItems", 0), ("DeleteItem", 0)]
    {
        let account = account_with_a_member_without_an_address(&service).await;
        let command = json!({"delete_account": {"account_id": account.id, "confirm": "Study"}});
        let status = async || service.operate(command.clone()).await.expect("a result")["status"].clone();
        assert_eq!(status().await, "deleting");
        service.time.pass(30);
        // The SDK makes three attempts.
        dynamodb.inject_at(fault, Some(operation), position..position + 3);
        assert_eq!(error_type(&service, command.clone()).await, "UNAVAILABLE", "{operation} {position}");
        dynamodb.recover();
        assert_eq!(status().await, "deleting");
        service.time.pass(30);
        assert_eq!(status().await, "deleted");
        let remaining = items_of(&service, &account.id).await;
        let sort_keys: Vec<_> = remaining.iter().map(|item| key(item)[1].clone()).collect();
        assert_eq!(sort_keys, ["TOMBSTONE"], "{operation} {position}");
    }
}

#[tokio::test]
async fn delete_account_leaves_an_invited_address_to_its_owner() {
    let service = OwnService::start().await;
    let (account, owner) = (service.account().await, service.account().await);
    service.invite(&account.session, &owner.email, &["read"]).await;
    let before = items_of(&service, &owner.id).await;
    let command = json!({"delete_account": {"account_id": account.id, "confirm": "Study"}});
    for status in ["deleting", "deleting", "deleted"] {
        assert_eq!(service.operate(command.clone()).await.expect("a result")["status"], status);
        service.time.pass(30);
    }
    assert_eq!(items_of(&service, &owner.id).await, before);
    service.login(&owner.email).await;
}

/// Stores an audit event with this number and this text.
async fn store_event(service: &OwnService, account: &Account, n: usize, text: &str) {
    let table = service.gateway.table("Table").expect("the table");
    let item = [
        ("pk", format!("{}#AUDIT", account.partition())),
        ("sk", format!("EVENT#event_{n:016}")),
        ("text", text.to_owned()),
    ];
    let item = item.map(|(name, text)| (name.to_owned(), AttributeValue::S(text)));
    let put = service.gateway.dynamodb().put_item().table_name(table).set_item(Some(item.into()));
    put.send().await.expect("the event is stored");
}

#[tokio::test]
async fn delete_account_with_another_name_changes_nothing() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let before = service.items().await;
    let command = |id: &str| json!({"delete_account": {"account_id": id, "confirm": "Another study"}});
    assert_eq!(error_type(&service, command(&account.id)).await, "BAD_REQUEST");
    assert_eq!(error_type(&service, command("acct_0000000000000000")).await, "NOT_FOUND");
    assert_eq!(service.items().await, before);
    service.me(&account.session).await.expect(200);
}
